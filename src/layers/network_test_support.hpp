// What the tests of networks share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "ztilde/error.hpp"
#include "ztilde/network.hpp"

namespace ztilde {

// What validate says of a network; "" where all is well.
inline std::string complaint(const Network& network) {
  try {
    validate(network);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "";
}

}  // namespace ztilde
