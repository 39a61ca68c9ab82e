// The records of a table file, one at a time, out of blocks of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/csv_blocks.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

struct CsvField {
  std::string_view text;  // without quotes; into the memory of its CsvRecords, margins around it
  std::size_t line = 1;   // the line of the file that the field starts on
  bool quoted = false;
  bool doubled = false;  // has doubled quotes that are not undone yet
};

// Fields as in RFC 4180, lines ended by LF, CRLF or CR. Empty lines at the end are no records. Where
// fields are separated by tabs, a quote within one is text like any other.
class CsvRecords {
 public:
  // Of one block after another. Reading one throws Error(data) for what is no text: zero bytes, not UTF-8.
  explicit CsvRecords(CsvBlocks& blocks);
  // Of the blocks that are given to read(), which takes their memory and leaves its own there.
  CsvRecords() = default;
  void read(const CsvFormat& format, CsvBlock& block);

  // The next record's fields, at least one; false at the end. Earlier fields' texts are gone then.
  bool next(std::vector<CsvField>& fields);

  // The next record, if it has `fields` fields and its block no quotes: where each of them ends in
  // text(), and, before these, where the one before it ends: [i - 1] + 1 is where field i begins. Else
  // null, and it is still the next.
  const std::uint32_t* next_plain(std::size_t fields);
  const char* text() const { return block_.memory.data() + block_.begin; }
  // Of the record that next_plain() or next() comes to.
  std::size_t line() const { return line_; }

  // The records that are left of this block, to look at before they are read here; a copy.
  CsvRecords ahead() const;
  // What is left of this block; the blocks behind it are left to others.
  CsvBlock give_up_rest();

  const CsvFormat& format() const { return format_; }
  // Of this block, those that are read.
  std::size_t bytes_done() const { return at_; }

  // "FILE:LINE:COLUMN: what", as an Error; column (from 1) 0: the whole line.
  Error error(std::size_t line, std::size_t column, const std::string& what) const {
    return csv_error(format_.path, line, column, what);
  }

 private:
  void open();
  void check_text() const;
  void scan(std::vector<CsvField>& fields);
  void scan_quoted(CsvField& field, std::size_t column);
  void skip_line_end();

  CsvFormat format_;
  CsvBlocks* blocks_ = nullptr;
  CsvBlock block_;
  // -1, the places of delimiters, quotes and line ends, and the size; mark_: the first from at_ on.
  std::unique_ptr<std::uint32_t[]> marks_;
  std::size_t marks_room_ = 0, marks_end_ = 1, mark_ = 1;
  std::size_t at_ = 0, size_ = 0;  // in and of the text
  std::size_t line_ = 1;
  std::size_t blank_line_ = 0;  // the first of the blank lines just passed, 0 for none
  bool quotes_ = false;         // whether there are any in the block
};

}  // namespace ztilde
