// What tests share: a folder that goes away by itself, and the whole of what an error says.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "ztilde/error.hpp"

namespace ztilde {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = testing::TempDir() + "ztilde-test-XXXXXX";
    path_ = ::mkdtemp(pattern.data()) == nullptr ? "" : pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Writes a file and returns its path.
  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(*this / name, std::ios::binary) << content;
    return *this / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

// "data: FILE:3:2: …", with the folder's path taken out; "no error" where nothing was thrown.
template <class Action>
std::string failure(const TemporaryFolder& folder, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    std::string text = error.what();
    const std::string prefix = folder.path() + "/";
    for (auto at = text.find(prefix); at != text.npos; at = text.find(prefix)) text.erase(at, prefix.size());
    const ErrorKind kind = error.kind();
    return (kind == ErrorKind::io ? "io: " : kind == ErrorKind::data ? "data: " : "diverged: ") + text;
  }
  return "no error";
}

}  // namespace ztilde
