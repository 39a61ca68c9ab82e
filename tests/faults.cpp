// A shared object for LD_PRELOAD that makes the program's disk fail. It counts the calls that save a
// file: open, write, fsync and rename of ztilde's temporaries, and fsync of a folder.
//   ZTILDE_FAULT=N:kill   the Nth call, from 1, does not happen: the process is killed instead
//   ZTILDE_FAULT=N:after  it happens, and the process is killed then
//   ZTILDE_FAULT=N:fail   it fails, as do all after it: a full disk stays full
// Where the Nth call is reached a file "fault" is made in the working folder.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>

namespace {

enum class Kind { none, kill, after, fail };

struct Fault {
  long at = 0;
  Kind kind = Kind::none;
};

Fault read_fault() {
  Fault fault;
  const char* text = ::getenv("ZTILDE_FAULT");
  if (text == nullptr) return fault;
  char* end = nullptr;
  fault.at = ::strtol(text, &end, 10);
  fault.kind = ::strcmp(end, ":kill") == 0    ? Kind::kill
               : ::strcmp(end, ":after") == 0 ? Kind::after
                                              : Kind::fail;
  return fault;
}

const Fault fault = read_fault();
std::atomic<long> calls{0};

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_temporary(const char* path) {
  const char* slash = ::strrchr(path, '/');
  const char* name = slash == nullptr ? path : slash + 1;
  const std::size_t size = ::strlen(name);
  return ::strncmp(name, ".ztilde-", 8) == 0 && size > 4 && ::strcmp(name + size - 4, ".tmp") == 0;
}

// What a descriptor is open on, as the system tells it.
bool is_saving(int descriptor) {
  char link[64], path[4096];
  ::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  if (is_temporary(path)) return true;
  struct stat status {};
  return ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

void leave_mark() {
  const int mark = next<int(const char*, int, ...)>("open")("fault", O_WRONLY | O_CREAT, 0666);
  if (mark >= 0) ::close(mark);
}

// Runs the call, or does to it what the fault says. `counts`: whether it is one of those counted.
template <class Call>
auto run(bool counts, int failure, Call call) -> decltype(call()) {
  if (fault.kind == Kind::none || !counts) return call();
  const long number = ++calls;
  if (number < fault.at) return call();
  if (number == fault.at) leave_mark();
  if (fault.kind == Kind::fail) {
    errno = failure;
    return -1;
  }
  if (fault.kind == Kind::after) call();
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

int open_counted(const char* name, const char* path, int flags, mode_t mode) {
  const bool counts = (flags & O_CREAT) != 0 && is_temporary(path);
  return run(counts, EROFS, [&] { return next<int(const char*, int, ...)>(name)(path, flags, mode); });
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted("open", path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_counted("open64", path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return run(fault.kind != Kind::none && is_saving(descriptor), ENOSPC,
             [&] { return next<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, size); });
}

int fsync(int descriptor) {
  return run(fault.kind != Kind::none && is_saving(descriptor), EIO,
             [&] { return next<int(int)>("fsync")(descriptor); });
}

int rename(const char* from, const char* to) {
  return run(is_temporary(from), EACCES,
             [&] { return next<int(const char*, const char*)>("rename")(from, to); });
}

}  // extern "C"
