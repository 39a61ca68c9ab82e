// The records of a table file, one at a time, out of a buffer that the file streams through.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

struct CsvField {
  std::string_view text;  // without quotes; into the memory of its CsvRecords
  std::size_t line = 1;   // the line of the file that the field starts on
  bool quoted = false;
  bool doubled = false;  // has doubled quotes that are not undone yet
};

// Fields as in RFC 4180, lines ended by LF, CRLF or CR. Empty lines at the end are no records. Where
// fields are separated by tabs, a quote within one is text like any other.
class CsvRecords {
 public:
  // delimiter 0: the one of comma, tab, semicolon and pipe that the first record has most of, the
  // comma left aside where it is the decimal one. The stream must outlive the records.
  // Throws Error(data) for content that is no text table: empty, not UTF-8, with zero bytes, zipped.
  CsvRecords(ByteStream& stream, char delimiter, bool decimal_comma,
             std::size_t block = std::size_t{1} << 20);
  CsvRecords(const CsvRecords&) = delete;
  CsvRecords& operator=(const CsvRecords&) = delete;
  CsvRecords(CsvRecords&&) = default;

  // The next record's fields, at least one; false at the end. Earlier fields' texts are gone then.
  bool next(std::vector<CsvField>& fields);

  // The records that lie whole in the buffer, to look at before they are read here; a copy.
  CsvRecords ahead() const;
  // Whether ahead() has all that is left.
  bool all_ahead() const { return whole_; }

  char delimiter() const { return delimiter_; }
  const std::string& path() const { return path_; }
  // Bytes of the file, 0 where it is not known; bytes read so far as records.
  std::size_t expected_bytes() const { return expected_; }
  std::size_t bytes_done() const { return done_ + at_; }

  // "FILE:LINE:COLUMN: what", as an Error; column (from 1) 0: the whole line.
  Error error(std::size_t line, std::size_t column, const std::string& what) const;

 private:
  enum class Scan { record, cut, end };
  CsvRecords(const CsvRecords& other, std::vector<char> rest);
  Scan scan(std::vector<CsvField>& fields);
  bool scan_quoted(CsvField& field, std::size_t column);
  void skip_line_end();
  void refill();
  void check_text();
  [[noreturn]] void refuse_endless(const std::vector<CsvField>& fields) const;

  std::string path_;
  ByteStream* stream_ = nullptr;  // null: what is in the buffer is all there is to see
  std::size_t block_ = 0, expected_ = 0, done_ = 0;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0, checked_ = 0;
  bool whole_ = false;  // the stream is at its end
  std::size_t line_ = 1;
  char delimiter_ = ',';
  bool ended_ = false;
  std::size_t blank_line_ = 0;  // the first of the blank lines just passed, 0 for none
};

}  // namespace ztilde
