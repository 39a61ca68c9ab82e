// A table file cut into blocks of whole records, so that many can be read at once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_stream.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

// What holds for a whole table file.
struct CsvFormat {
  std::string path;
  char delimiter = ',';
};

// "FILE:LINE:COLUMN: what", as an Error; column (from 1) 0: the whole line.
Error csv_error(const std::string& path, std::size_t line, std::size_t column, const std::string& what);

// Whole records with their line ends, of which the last of a file's may lack its own.
struct CsvBlock {
  static constexpr std::size_t kMargin = 16;  // bytes before and behind the text that may be read
  std::vector<char> memory;
  std::size_t begin = kMargin, end = kMargin;  // of the text in memory
  std::size_t line = 1;                        // where it begins
  std::size_t blank_line = 0;                  // the first of blank lines just before it, 0 for none

  std::string_view text() const { return {memory.data() + begin, end - begin}; }
};

class CsvBlocks {
 public:
  static constexpr std::size_t kSize = std::size_t{1} << 17;

  // delimiter 0: the one of comma, tab, semicolon and pipe that the first record has most of, the
  // comma left aside where it is the decimal one. The first block is of eight times `size`, those
  // behind it of `size`, or of one record that is longer. The stream must outlive the blocks.
  // Throws Error(data) for content that is no table: empty, UTF-16, zipped.
  CsvBlocks(ByteStream& stream, char delimiter, bool decimal_comma, std::size_t size = kSize);

  // False at the end. Throws Error(data) for a record over 16 MB; what else is wrong with a record
  // is seen by who reads it. Uses the block's memory again.
  bool next(CsvBlock& block);

  const CsvFormat& format() const { return format_; }
  bool ended() const { return ended_; }
  // Bytes of the file, 0 where it is not known.
  std::size_t expected_bytes() const { return stream_.expected(); }
  // A next() that waits for a pipe, in another thread, ends.
  void give_up() { stream_.give_up(); }

 private:
  void fill(CsvBlock& block, std::size_t more);
  void pass_blank_lines(CsvBlock& block) const;
  [[noreturn]] void refuse_endless(CsvBlock& block, std::size_t open_quote) const;

  ByteStream& stream_;
  CsvFormat format_;
  std::size_t size_;
  CsvBlock left_;  // read, but not handed out: behind the last block's last record
  bool begun_ = false, whole_ = false, ended_ = false;  // whole: the stream is at its end
};

}  // namespace ztilde
