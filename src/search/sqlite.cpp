#include "search/sqlite.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <limits>

#include "base/files.hpp"
#include "ztilde/error.hpp"

namespace ztilde::search {
namespace {

// A writer holds the file for milliseconds, unless it was stopped right then.
constexpr int kBusyMilliseconds = 60'000;

// As a URI, so that a study on a disk that is written by nobody can be read without its -shm file.
std::string unchanging(const std::string& path) {
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

void require_file(const std::string& path) {
  std::error_code failure;
  const std::filesystem::file_status status = std::filesystem::status(path, failure);
  if (status.type() == std::filesystem::file_type::not_found)
    throw Error(ErrorKind::io, fmt::format("{}: there is no such file; give a study", shown_path(path)));
  if (std::filesystem::is_directory(status))
    throw Error(ErrorKind::data, fmt::format("{}: is a folder; give a study", shown_path(path)));
}

}  // namespace

Database::Database(const std::string& path, Access access) : path_(path) {
  if (access != Access::create) require_file(path);
  const int flags = access == Access::read     ? SQLITE_OPEN_READONLY
                    : access == Access::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                               : SQLITE_OPEN_READWRITE;
  // "./" keeps a name like "file:x" or ":memory:" a name.
  const std::string name = path.starts_with('/') ? path : "./" + path;
  const auto open = [&](const std::string& file, int more) {
    sqlite3* handle = nullptr;
    const int code = ::sqlite3_open_v2(file.c_str(), &handle, flags | more, nullptr);
    handle_.reset(handle);
    if (code != SQLITE_OK) fail();
    ::sqlite3_busy_timeout(handle, kBusyMilliseconds);
  };
  open(name, 0);
  std::error_code ignored;
  if (access != Access::read || std::filesystem::exists(path + "-wal", ignored)) return;
  if (::sqlite3_exec(handle_.get(), "SELECT 1 FROM sqlite_master", nullptr, nullptr, nullptr) == SQLITE_OK)
    return;
  const int code = ::sqlite3_errcode(handle_.get());
  if (code == SQLITE_CANTOPEN || code == SQLITE_READONLY) open(unchanging(path), SQLITE_OPEN_URI);
}

void Database::damaged(std::string_view what) const {
  throw Error(ErrorKind::data,
              fmt::format("{}: is damaged ({}); take a copy of it that is not, or begin anew",
                          shown_path(path_), what));
}

void Database::fail() const {
  const int code = handle_ ? ::sqlite3_errcode(handle_.get()) : SQLITE_NOMEM;
  const std::string why = handle_ ? ::sqlite3_errmsg(handle_.get()) : "out of memory";
  const std::string name = shown_path(path_);
  switch (code) {
    case SQLITE_NOTADB:
      throw Error(ErrorKind::data, fmt::format("{}: is no study; give a file that ztilde search made", name));
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:  // a table or column that is not there
    case SQLITE_CONSTRAINT:
      damaged(why);
    case SQLITE_BUSY:
      throw Error(
          ErrorKind::io,
          fmt::format("{}: another process has kept it for a minute; continue or end that one", name));
    default:
      throw Error(ErrorKind::io,
                  fmt::format("{}: {}; look after the disk, its permissions and its room", name, why));
  }
}

void Database::run(const char* sql) {
  if (::sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

std::int64_t Database::number(const char* sql) {
  Statement query(*this, sql);
  if (!query.step()) damaged("a number is missing");
  return query.whole(0);
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  sqlite3_stmt* handle = nullptr;
  const int code = ::sqlite3_prepare_v2(database.handle(), sql, -1, &handle, nullptr);
  handle_.reset(handle);
  check(code);
}

void Statement::check(int code) const {
  if (code != SQLITE_OK) database_.fail();
}

Statement& Statement::bind(std::int64_t value) {
  check(::sqlite3_bind_int64(handle_.get(), next_++, value));
  return *this;
}
Statement& Statement::bind(double value) {
  check(::sqlite3_bind_double(handle_.get(), next_++, value));
  return *this;
}
Statement& Statement::bind(const std::optional<double>& value) {
  if (value) return bind(*value);
  check(::sqlite3_bind_null(handle_.get(), next_++));
  return *this;
}
Statement& Statement::bind(const std::string& value) {
  check(::sqlite3_bind_text(handle_.get(), next_++, value.data(), static_cast<int>(value.size()),
                            SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = ::sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail();
  return false;
}

std::optional<double> Statement::maybe(int column) const {
  if (::sqlite3_column_type(handle_.get(), column) == SQLITE_NULL) return std::nullopt;
  return ::sqlite3_column_double(handle_.get(), column);
}
double Statement::real(int column) const {
  return maybe(column).value_or(std::numeric_limits<double>::quiet_NaN());
}
std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(handle_.get(), column));
  return text == nullptr
             ? std::string()
             : std::string(text, static_cast<std::size_t>(::sqlite3_column_bytes(handle_.get(), column)));
}

Transaction::Transaction(Database& database, bool immediate) : database_(database) {
  database.run(immediate ? "BEGIN IMMEDIATE" : "BEGIN");
}
Transaction::~Transaction() {
  if (open_) (void)::sqlite3_exec(database_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}
void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace ztilde::search
