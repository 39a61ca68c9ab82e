#include "data/csv_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/files.hpp"
#include "base/text.hpp"

namespace ztilde {
namespace {

constexpr std::array<char, 4> kDelimiters = {',', '\t', ';', '|'};
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
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

// Whether the text is the start of a UTF-8 character.
bool is_cut_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  return text.size() < length && std::ranges::all_of(text.substr(1), [](char c) {
           return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
         });
}

// How many of the first bytes are ASCII and not zero, by eights.
std::size_t plain_bytes(const char* text, std::size_t size) {
  constexpr std::uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + i, 8);
    if (((word | (word - kOnes)) & kHigh) != 0) break;
  }
  return i;
}

}  // namespace

Error CsvRecords::error(std::size_t line, std::size_t column, const std::string& what) const {
  const std::string place = column == 0 ? fmt::format("{}", line) : fmt::format("{}:{}", line, column);
  return Error(ErrorKind::data, fmt::format("{}:{}: {}", shown_path(path_), place, what));
}

CsvRecords::CsvRecords(ByteStream& stream, char delimiter, bool decimal_comma, std::size_t block)
    : path_(stream.path()), stream_(&stream), block_(block), expected_(stream.expected()) {
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::data, fmt::format("{}: {}", shown_path(path_), what));
  };
  constexpr std::size_t kLongestMark = 4;
  do refill();
  while (!whole_ && end_ < kLongestMark);
  const std::string_view text(buffer_.data(), end_);
  if (text.starts_with(std::string_view("\xFF\xFE\0\0", 4)) ||
      text.starts_with(std::string_view("\0\0\xFE\xFF", 4))) {
    throw refuse("is UTF-32 text; save it as UTF-8");
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw refuse("is UTF-16 text; save it as UTF-8");
  }
  if (text.starts_with("PK\x03\x04")) throw refuse("is a zip or spreadsheet file; save the table as CSV");
  if (text.starts_with(kUtf8Mark)) at_ = checked_ = kUtf8Mark.size();
  check_text();
  const std::string_view rest(buffer_.data() + at_, end_ - at_);
  if (whole_ && std::ranges::all_of(rest, ends_line))
    throw refuse("is empty; give a table with a header line");
  delimiter_ = delimiter != 0 ? delimiter : guess_delimiter(rest, decimal_comma);
}

CsvRecords::CsvRecords(const CsvRecords& other, std::vector<char> rest)
    : path_(other.path_),
      buffer_(std::move(rest)),
      end_(buffer_.size()),
      checked_(buffer_.size()),
      whole_(other.whole_),
      line_(other.line_),
      delimiter_(other.delimiter_),
      ended_(other.ended_),
      blank_line_(other.blank_line_) {}

CsvRecords CsvRecords::ahead() const {
  return CsvRecords(*this, std::vector<char>(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
                                             buffer_.begin() + static_cast<std::ptrdiff_t>(end_)));
}

// Moves what is not read yet to the front and fills up behind it.
void CsvRecords::refill() {
  const std::size_t left = end_ - at_;
  if (at_ > 0) std::memmove(buffer_.data(), buffer_.data() + at_, left);
  done_ += at_;
  checked_ -= at_;
  at_ = 0;
  end_ = left;
  if (buffer_.size() < left + block_) buffer_.resize(left + std::max(left, block_));
  while (end_ < buffer_.size()) {
    const std::size_t count = stream_->read(buffer_.data() + end_, buffer_.size() - end_);
    whole_ = count == 0;
    if (whole_) break;
    end_ += count;
  }
}

// Throws for bytes that are no text. A character cut by the buffer's end is looked at next time.
void CsvRecords::check_text() {
  while (checked_ < end_) {
    checked_ += plain_bytes(buffer_.data() + checked_, end_ - checked_);
    if (checked_ == end_) return;
    const std::string_view rest(buffer_.data() + checked_, end_ - checked_);
    const std::size_t length = rest[0] == 0 ? 0 : utf8_length(rest);
    if (length > 0) {
      checked_ += length;
      continue;
    }
    if (!whole_ && is_cut_character(rest)) return;
    std::size_t line = line_;
    for (std::size_t i = at_; i < checked_; ++i) {
      line += buffer_[i] == '\n' || (buffer_[i] == '\r' && buffer_[i + 1] != '\n');
    }
    if (rest[0] == 0) {
      throw error(line, 0, "has a zero byte, so it is no text (or UTF-16); give a CSV file in UTF-8");
    }
    throw error(line, 0,
                fmt::format("has the byte 0x{:02X}, which is no UTF-8 text there; save the file as UTF-8",
                            static_cast<unsigned char>(rest[0])));
  }
}

// At a CR or LF: goes to the start of the next line.
void CsvRecords::skip_line_end() {
  if (buffer_[at_] == '\r' && at_ + 1 < end_ && buffer_[at_ + 1] == '\n') ++at_;
  ++at_;
  ++line_;
}

// At the opening quote: goes behind the closing one; false where the buffer ends before it is seen
// that it is one.
bool CsvRecords::scan_quoted(CsvField& field, std::size_t column) {
  const std::size_t start = ++at_;
  for (;;) {
    const void* found = std::memchr(buffer_.data() + at_, '"', end_ - at_);
    if (found == nullptr) {
      if (!whole_) return false;
      throw error(field.line, column,
                  "the quote that opens here is never closed; close it, or double it where it "
                  "is part of the text");
    }
    const auto quote = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
    for (std::size_t i = at_; i < quote; ++i) {
      line_ += buffer_[i] == '\n' || (buffer_[i] == '\r' && buffer_[i + 1] != '\n');
    }
    at_ = quote + 1;
    if (at_ == end_ && !whole_) return false;
    if (at_ == end_ || buffer_[at_] != '"') break;
    field.doubled = true;
    ++at_;
  }
  field.text = {buffer_.data() + start, at_ - 1 - start};
  field.quoted = true;
  if (at_ < end_ && buffer_[at_] != delimiter_ && !ends_line(buffer_[at_])) {
    throw error(field.line, column,
                "text follows the closing quote; double the quotes inside a quoted field");
  }
  return true;
}

// One record from at_, which stays within what the buffer has.
CsvRecords::Scan CsvRecords::scan(std::vector<CsvField>& fields) {
  // What ends a field, and a quote, is at most this; nearly everything within one is more.
  const char last_special = std::max(delimiter_, '"');
  const bool quotes_are_text = delimiter_ == '\t';
  for (;;) {
    CsvField field{{}, line_, false, false};
    if (at_ < end_ && buffer_[at_] == '"') {
      if (!scan_quoted(field, fields.size() + 1)) {
        fields.push_back(field);
        return Scan::cut;
      }
    } else {
      const char *at = buffer_.data() + at_, *end = buffer_.data() + end_;
      for (; at < end; ++at) {
        if (*at > last_special) continue;
        if (*at == delimiter_ || ends_line(*at)) break;
        if (*at != '"' || quotes_are_text) continue;
        throw error(field.line, fields.size() + 1,
                    "a quote within a field that none opens; put the whole field into quotes and double "
                    "those inside");
      }
      const auto stop = static_cast<std::size_t>(at - buffer_.data());
      field.text = {buffer_.data() + at_, stop - at_};
      at_ = stop;
    }
    fields.push_back(field);
    if (at_ == end_) return whole_ ? Scan::end : Scan::cut;
    if (buffer_[at_] != delimiter_) {
      // Whether a CR is the whole of a line end is seen in the next byte.
      if (buffer_[at_] == '\r' && at_ + 1 == end_ && !whole_) return Scan::cut;
      skip_line_end();
      return Scan::record;
    }
    ++at_;
  }
}

void CsvRecords::refuse_endless(const std::vector<CsvField>& fields) const {
  const CsvField& last = fields.back();
  const bool in_quotes = last.text.data() == nullptr;
  throw error(in_quotes ? last.line : line_, in_quotes ? fields.size() : 0,
              fmt::format("{} over {} bytes; is a quote left open?",
                          in_quotes ? "the quoted field that opens here is" : "this record is",
                          with_commas(kLongestRecord)));
}

bool CsvRecords::next(std::vector<CsvField>& fields) {
  fields.clear();
  for (;;) {
    if (ended_) return false;
    if (at_ == end_) {
      if (whole_ || stream_ == nullptr) {
        ended_ = true;
        return false;
      }
      refill();
      check_text();
      continue;
    }
    if (!ends_line(buffer_[at_])) break;
    if (buffer_[at_] == '\r' && at_ + 1 == end_ && !whole_ && stream_ != nullptr) {
      refill();
      check_text();
    }
    if (blank_line_ == 0) blank_line_ = line_;
    skip_line_end();
  }
  // Blank lines that something follows.
  if (blank_line_ != 0) {
    fields.push_back({{}, std::exchange(blank_line_, 0), false, false});
    return true;
  }
  const std::size_t line = line_;
  for (;;) {
    const std::size_t start = at_;
    const Scan found = scan(fields);
    if (found == Scan::record || found == Scan::end) break;
    at_ = start;
    line_ = line;
    if (stream_ == nullptr) {
      ended_ = true;
      return false;
    }
    if (end_ - at_ > kLongestRecord) refuse_endless(fields);
    fields.clear();
    refill();
    check_text();
  }
  for (CsvField& field : fields) {
    if (!field.doubled) continue;
    char* const text = buffer_.data() + (field.text.data() - buffer_.data());
    char* written = text;
    for (std::size_t i = 0; i < field.text.size(); ++i) {
      *written++ = text[i];
      if (text[i] == '"') ++i;
    }
    field.text = {text, static_cast<std::size_t>(written - text)};
  }
  return true;
}

}  // namespace ztilde
