// The records of a table file, one at a time, without a copy of any field.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ztilde/error.hpp"

namespace ztilde {

struct CsvField {
  std::string_view text;  // without quotes; into the memory of its CsvRecords
  std::size_t line = 1;   // the line of the file that the field starts on
  bool quoted = false;
};

// Fields as in RFC 4180, lines ended by LF, CRLF or CR. The delimiter is the one of comma, tab and
// semicolon that the first record has most of. Empty lines at the end are no records.
class CsvRecords {
 public:
  // Throws Error(data) for content that is no text table: empty, UTF-16, with zero bytes, zipped.
  CsvRecords(const std::string& path, std::string content);
  CsvRecords(const CsvRecords&) = delete;
  CsvRecords& operator=(const CsvRecords&) = delete;

  // The next record's fields, at least one; false at the end. Earlier fields' texts stay valid.
  bool next(std::vector<CsvField>& fields);

  char delimiter() const { return delimiter_; }
  // At least as many as there are records left.
  std::size_t lines_left() const;
  std::size_t bytes_left() const { return static_cast<std::size_t>(end_ - at_); }

  // "FILE:LINE:COLUMN: what", as an Error; column (from 1) 0: the whole line.
  Error error(std::size_t line, std::size_t column, const std::string& what) const;

 private:
  void read_quoted(CsvField& field, std::size_t column);
  void skip_line_end();

  std::string path_;
  std::string content_;
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t line_ = 1;
  char delimiter_ = ',';
  bool at_end_ = false;
};

}  // namespace ztilde
