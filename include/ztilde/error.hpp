// The one exception of ztilde. Thrown only at boundaries: files, descriptions, compile.
#pragma once

#include <stdexcept>
#include <string>

namespace ztilde {

enum class ErrorKind {
  io,        // a file could not be read or written; the program exits with 1
  data,      // bad data, bad usage, a description that cannot work; exits with 2
  diverged,  // training produced NaN or infinity; exits with 3
};

// what() is one line: "FILE:LINE:COLUMN: what is wrong; what to do" (the place where there is one).
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace ztilde
