#include "data/csv_blocks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"
#include "data/csv_records.hpp"

namespace ztilde {
namespace {

constexpr std::array<char, 4> kDelimiters = {',', '\t', ';', '|'};
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kLineEnds = "\n\r";
// Beyond, a quote that was never closed is likelier than a record; memory must be bounded either way.
constexpr std::size_t kLongestRecord = std::size_t{1} << 24;

bool ends_line(char c) { return c == '\n' || c == '\r'; }

// The delimiter that is most frequent in the first record, outside its quotes.
char guess_delimiter(std::string_view text, bool decimal_comma) {
  std::array<std::size_t, kDelimiters.size()> counts{};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (ends_line(c)) break;
    for (std::size_t i = 0; i < kDelimiters.size(); ++i) counts[i] += c == kDelimiters[i];
  }
  if (decimal_comma) counts[0] = 0;
  const auto most = std::ranges::max_element(counts) - counts.begin();
  // A table of one column has none of them.
  return decimal_comma && counts[static_cast<std::size_t>(most)] == 0
             ? ';'
             : kDelimiters[static_cast<std::size_t>(most)];
}

// LF, CRLF and CR.
std::size_t count_lines(std::string_view text) {
  std::size_t lines = 0;
  constexpr std::size_t kPiece =
      128;  // whose count fits a byte, which lets compilers count 16 and more at once
  for (std::size_t begin = 0; begin < text.size(); begin += kPiece) {
    std::uint8_t found = 0;
    for (const char c : text.substr(begin, kPiece)) found = static_cast<std::uint8_t>(found + (c == '\n'));
    lines += found;
  }
  for (std::size_t at = text.find('\r'); at != text.npos; at = text.find('\r', at + 1)) {
    lines += at + 1 == text.size() || text[at + 1] != '\n';
  }
  return lines;
}

// The part of a text, with more to come, that is whole records without empty lines behind them: up to
// the last line end outside quotes. A quote opens at the start of a field only; elsewhere it is text,
// or what its record will be refused for.
struct Whole {
  std::size_t size = 0;
  std::size_t open_quote = std::string_view::npos;  // where a quoted field opens that does not end
};
Whole whole_records(std::string_view text, char delimiter) {
  // Whether a CR is the whole of a line end is seen in the next byte.
  if (text.ends_with('\r')) text.remove_suffix(1);
  Whole whole;
  for (std::size_t from = 0;;) {
    const std::size_t quote = std::min(text.find('"', from), text.size());
    std::size_t last = quote;  // just behind the last line end between the quotes
    while (last > from && !ends_line(text[last - 1])) --last;
    if (last > from) {
      while (last > from && ends_line(text[last - 1])) --last;
      whole.size = last + (text.substr(last).starts_with("\r\n") ? 2 : 1);
    }
    if (quote == text.size()) return whole;
    from = quote + 1;
    const bool opens = quote == 0 || text[quote - 1] == delimiter || ends_line(text[quote - 1]);
    if (!opens) continue;
    do {
      const std::size_t closing = text.find('"', from);
      if (closing == text.npos) {
        whole.open_quote = quote;
        return whole;
      }
      from = closing + 1;
    } while (from < text.size() && text[from] == '"' && ++from);
  }
}

}  // namespace

Error csv_error(const std::string& path, std::size_t line, std::size_t column, const std::string& what) {
  const std::string place = column == 0 ? fmt::format("{}", line) : fmt::format("{}:{}", line, column);
  return Error(ErrorKind::data, fmt::format("{}:{}: {}", shown_path(path), place, what));
}

CsvBlocks::CsvBlocks(ByteStream& stream, char delimiter, bool decimal_comma, std::size_t size)
    : stream_(stream), format_{stream.path(), delimiter}, size_(size) {
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::data, fmt::format("{}: {}", shown_path(format_.path), what));
  };
  fill(left_, 8 * size);
  const std::string_view text = left_.text();
  if (text.starts_with(std::string_view("\xFF\xFE\0\0", 4)) ||
      text.starts_with(std::string_view("\0\0\xFE\xFF", 4))) {
    throw refuse("is UTF-32 text; save it as UTF-8");
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw refuse("is UTF-16 text; save it as UTF-8");
  }
  if (text.starts_with("PK\x03\x04")) throw refuse("is a zip or spreadsheet file; save the table as CSV");
  if (text.starts_with(kUtf8Mark)) left_.begin += kUtf8Mark.size();
  if (delimiter == 0) format_.delimiter = guess_delimiter(left_.text(), decimal_comma);
}

// Reads `more` bytes behind the text, or all that are left.
void CsvBlocks::fill(CsvBlock& block, std::size_t more) {
  const std::size_t end = block.end + more;
  if (block.memory.size() < end + CsvBlock::kMargin) block.memory.resize(end + CsvBlock::kMargin);
  while (block.end < end && !whole_) {
    const std::size_t count = stream_.read(block.memory.data() + block.end, end - block.end);
    whole_ = count == 0;
    block.end += count;
  }
}

// Empty lines are no records, and at the end nothing at all: a block begins behind them.
void CsvBlocks::pass_blank_lines(CsvBlock& block) const {
  const std::string_view text = block.text();
  std::size_t blank = std::min(text.find_first_not_of(kLineEnds), text.size());
  // Whether a CR is the whole of a line end is seen in the next byte.
  if (blank > 0 && blank == text.size() && text[blank - 1] == '\r' && !whole_) --blank;
  if (blank == 0) return;
  if (block.blank_line == 0) block.blank_line = block.line;
  block.line += count_lines(text.substr(0, blank));
  block.begin += blank;
}

bool CsvBlocks::next(CsvBlock& block) {
  if (ended_) return false;
  std::swap(block, left_);
  Whole found;
  for (std::size_t more = begun_ ? size_ : 0;; more = std::max(size_, block.text().size())) {
    fill(block, more);
    pass_blank_lines(block);
    if (whole_) break;
    found = whole_records(block.text(), format_.delimiter);
    if (found.size > 0) break;
    if (block.text().size() > kLongestRecord) refuse_endless(block, found.open_quote);
  }
  if (whole_) {
    ended_ = true;
    if (!begun_ && block.text().empty()) {
      throw Error(ErrorKind::data,
                  fmt::format("{}: is empty; give a table with a header line", shown_path(format_.path)));
    }
    begun_ = true;
    return !block.text().empty();
  }
  begun_ = true;
  const std::string_view rest = block.text().substr(found.size);
  left_.begin = left_.end = CsvBlock::kMargin;
  left_.memory.resize(std::max(left_.memory.size(), rest.size() + size_ + 2 * CsvBlock::kMargin));
  std::ranges::copy(rest, left_.memory.begin() + CsvBlock::kMargin);
  left_.end += rest.size();
  block.end -= rest.size();
  left_.line = block.line + count_lines(block.text());
  left_.blank_line = 0;
  return true;
}

void CsvBlocks::refuse_endless(CsvBlock& block, std::size_t open_quote) const {
  const bool in_quotes = open_quote != std::string_view::npos;
  std::size_t line = block.line;
  if (in_quotes) {
    block.end = block.begin + open_quote;
  } else {  // not to look at half a character
    while (block.end > block.begin && (block.memory[block.end - 1] & 0x80) != 0) --block.end;
  }
  CsvRecords records;
  records.read(format_, block);
  std::vector<CsvField> fields;
  if (records.next(fields)) line = fields.back().line;
  throw csv_error(format_.path, line, in_quotes ? std::max(fields.size(), std::size_t{1}) : 0,
                  fmt::format("{} over {} bytes; is a quote left open?",
                              in_quotes ? "the quoted field that opens here is" : "this record is",
                              with_commas(kLongestRecord)));
}

}  // namespace ztilde
