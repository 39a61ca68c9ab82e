// SQLite's C API as far as a study needs it: a database, statements, transactions; failures as Error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ztilde::search {

enum class Access { read, write, create };

class Database {
 public:
  // Throws Error(io) where there is no file to read or write.
  Database(const std::string& path, Access access);
  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_.get(); }
  void run(const char* sql);
  // The number that a query of one row and column gives.
  std::int64_t number(const char* sql);
  [[noreturn]] void fail() const;
  // "FILE: is damaged (what); …"
  [[noreturn]] void damaged(std::string_view what) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { ::sqlite3_close_v2(handle); }
  };
  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// One statement, its `?` bound from left to right; then step() by row.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  Statement& bind(std::int64_t value);
  Statement& bind(std::size_t value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(double value);  // NaN becomes NULL, and comes back as NaN
  Statement& bind(const std::optional<double>& value);
  Statement& bind(const std::string& value);
  bool step();  // false: no more rows
  void run() { (void)step(); }

  std::int64_t whole(int column) const { return ::sqlite3_column_int64(handle_.get(), column); }
  double real(int column) const;
  std::optional<double> maybe(int column) const;
  std::string text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { ::sqlite3_finalize(handle); }
  };
  void check(int code) const;
  Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int next_ = 1;
};

// Undone unless commit() was reached.
class Transaction {
 public:
  // `immediate`: the only one that writes, from its first moment; else it reads one state of all.
  Transaction(Database& database, bool immediate);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace ztilde::search
