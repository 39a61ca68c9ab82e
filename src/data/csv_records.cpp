#include "data/csv_records.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/files.hpp"

namespace ztilde {
namespace {

constexpr std::array<char, 3> kDelimiters = {',', '\t', ';'};
constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";

// The delimiter that is most frequent in the first record, outside its quotes.
char guess_delimiter(std::string_view text) {
  std::array<std::size_t, kDelimiters.size()> counts{};
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' || c == '\r') break;
    for (std::size_t i = 0; i < kDelimiters.size(); ++i) counts[i] += c == kDelimiters[i];
  }
  return kDelimiters[static_cast<std::size_t>(std::ranges::max_element(counts) - counts.begin())];
}

}  // namespace

Error CsvRecords::error(std::size_t line, std::size_t column, const std::string& what) const {
  const std::string place = column == 0 ? fmt::format("{}", line) : fmt::format("{}:{}", line, column);
  return Error(ErrorKind::data, fmt::format("{}:{}: {}", shown_path(path_), place, what));
}

CsvRecords::CsvRecords(const std::string& path, std::string content)
    : path_(path), content_(std::move(content)) {
  const std::string_view text = content_;
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::data, fmt::format("{}: {}", shown_path(path_), what));
  };
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    throw refuse("is UTF-16 text; save it as UTF-8");
  }
  if (text.starts_with("PK\x03\x04")) throw refuse("is a zip or spreadsheet file; save the table as CSV");
  if (const auto zero = text.find('\0'); zero != text.npos) {
    const auto line = static_cast<std::size_t>(std::count(text.begin(), text.begin() + zero, '\n')) + 1;
    throw error(line, 0, "has a zero byte, so it is no text (or UTF-16); give a CSV file in UTF-8");
  }
  at_ = content_.data() + (text.starts_with(kUtf8Mark) ? kUtf8Mark.size() : 0);
  end_ = content_.data() + content_.size();
  while (end_ > at_ && (end_[-1] == '\n' || end_[-1] == '\r')) --end_;
  if (at_ == end_) throw refuse("is empty; give a table with a header line");
  delimiter_ = guess_delimiter({at_, end_});
}

std::size_t CsvRecords::lines_left() const {
  const auto feeds = std::count(at_, end_, '\n');
  return static_cast<std::size_t>(feeds > 0 ? feeds : std::count(at_, end_, '\r')) + 1;
}

// At a CR or LF: goes to the start of the next line.
void CsvRecords::skip_line_end() {
  if (*at_ == '\r' && at_ + 1 < end_ && at_[1] == '\n') ++at_;
  ++at_;
  ++line_;
}

// At the opening quote: goes behind the closing one. Doubled quotes become one in place, which
// only ever overwrites what has been read.
void CsvRecords::read_quoted(CsvField& field, std::size_t column) {
  char* const start = ++at_;
  char* written = start;
  for (;;) {
    char* const quote = static_cast<char*>(std::memchr(at_, '"', static_cast<std::size_t>(end_ - at_)));
    if (quote == nullptr) {
      throw error(field.line, column,
                  "the quote that opens here is never closed; close it, or double it where it "
                  "is part of the text");
    }
    for (char* c = at_; c < quote; ++c) line_ += *c == '\n' || (*c == '\r' && c[1] != '\n');
    if (written != at_) std::memmove(written, at_, static_cast<std::size_t>(quote - at_));
    written += quote - at_;
    at_ = quote + 1;
    if (at_ == end_ || *at_ != '"') break;
    *written++ = '"';
    ++at_;
  }
  field.text = {start, static_cast<std::size_t>(written - start)};
  field.quoted = true;
  if (at_ < end_ && *at_ != delimiter_ && *at_ != '\n' && *at_ != '\r') {
    throw error(field.line, column,
                "text follows the closing quote; double the quotes inside a quoted field");
  }
}

bool CsvRecords::next(std::vector<CsvField>& fields) {
  fields.clear();
  if (at_end_) return false;
  // What ends a field is at most this; nearly everything within one is more.
  const char last_special = std::max(delimiter_, '\r');
  for (;;) {
    CsvField field{{}, line_, false};
    if (at_ < end_ && *at_ == '"') {
      read_quoted(field, fields.size() + 1);
    } else {
      char* at = at_;
      while (at < end_ && (*at > last_special || (*at != delimiter_ && *at != '\n' && *at != '\r'))) ++at;
      field.text = {at_, static_cast<std::size_t>(at - at_)};
      at_ = at;
    }
    fields.push_back(field);
    if (at_ == end_) {
      at_end_ = true;
      return true;
    }
    if (*at_ != delimiter_) {
      skip_line_end();
      return true;
    }
    ++at_;
  }
}

}  // namespace ztilde
