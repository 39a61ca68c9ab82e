#include "data/csv_records.hpp"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "kernels/text_marks.hpp"

namespace ztilde {
namespace {

bool ends_line(char c) { return c == '\n' || c == '\r'; }

// How many of the first bytes are ASCII and not zero, by eights.
std::size_t plain_bytes(std::string_view text) {
  constexpr std::uint64_t kHigh = 0x8080808080808080, kOnes = 0x0101010101010101;
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    if (((word | (word - kOnes)) & kHigh) != 0) break;
  }
  return i;
}

}  // namespace

CsvRecords::CsvRecords(CsvBlocks& blocks) : format_(blocks.format()), blocks_(&blocks) {
  blocks.next(block_);
  open();
}

void CsvRecords::read(const CsvFormat& format, CsvBlock& block) {
  format_ = format;
  std::swap(block_, block);
  open();
}

CsvRecords CsvRecords::ahead() const {
  CsvRecords copy;
  CsvBlock rest = block_;
  rest.begin += at_;
  rest.line = line_;
  rest.blank_line = blank_line_;
  copy.read(format_, rest);
  return copy;
}

CsvBlock CsvRecords::give_up_rest() {
  blocks_ = nullptr;
  block_.begin += at_;
  block_.line = line_;
  block_.blank_line = blank_line_;
  at_ = size_ = 0;
  return std::move(block_);
}

void CsvRecords::open() {
  at_ = 0;
  mark_ = 1;
  size_ = block_.text().size();
  line_ = block_.line;
  blank_line_ = block_.blank_line;
  quotes_ = block_.text().find('"') != std::string_view::npos;
  if (marks_room_ < 1 + size_ + kernels::kSpareMarks) {
    marks_room_ = 1 + size_ + kernels::kSpareMarks;
    marks_ = std::make_unique_for_overwrite<std::uint32_t[]>(marks_room_);
  }
  marks_[0] = static_cast<std::uint32_t>(-1);
  const auto [count, plain] = kernels::mark_text(text(), size_, format_.delimiter, marks_.get() + 1);
  marks_end_ = 1 + count;
  marks_[marks_end_] = static_cast<std::uint32_t>(size_);
  if (!plain) check_text();
}

// Throws for bytes that are no text.
void CsvRecords::check_text() const {
  const std::string_view text = block_.text();
  for (std::size_t at = plain_bytes(text); at < size_; at += plain_bytes(text.substr(at))) {
    const std::size_t length = text[at] == 0 ? 0 : utf8_length(text.substr(at));
    at += length;
    if (length > 0) continue;
    std::size_t line = line_;
    for (std::size_t i = 0; i < at; ++i) {
      line += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
    }
    if (text[at] == 0) {
      throw error(line, 0, "has a zero byte, so it is no text (or UTF-16); give a CSV file in UTF-8");
    }
    throw error(line, 0,
                fmt::format("has the byte 0x{:02X}, which is no UTF-8 text there; save the file as UTF-8",
                            static_cast<unsigned char>(text[at])));
  }
}

// At a CR or LF: goes to the start of the next line.
void CsvRecords::skip_line_end() {
  const bool two = text()[at_] == '\r' && at_ + 1 < size_ && text()[at_ + 1] == '\n';
  at_ += two ? 2 : 1;
  mark_ += two ? 2 : 1;
  ++line_;
}

// At the opening quote: goes behind the closing one.
void CsvRecords::scan_quoted(CsvField& field, std::size_t column) {
  const std::string_view text = block_.text();
  const std::size_t start = ++at_;
  for (;;) {
    const std::size_t quote = text.find('"', at_);
    if (quote == text.npos) {
      throw error(field.line, column,
                  "the quote that opens here is never closed; close it, or double it where it "
                  "is part of the text");
    }
    for (std::size_t i = at_; i < quote; ++i) {
      line_ += text[i] == '\n' || (text[i] == '\r' && text[i + 1] != '\n');
    }
    at_ = quote + 1;
    if (at_ == size_ || text[at_] != '"') break;
    field.doubled = true;
    ++at_;
  }
  field.text = text.substr(start, at_ - 1 - start);
  field.quoted = true;
  if (at_ < size_ && text[at_] != format_.delimiter && !ends_line(text[at_])) {
    throw error(field.line, column,
                "text follows the closing quote; double the quotes inside a quoted field");
  }
  while (marks_[mark_] < at_) ++mark_;
}

// One record from at_.
void CsvRecords::scan(std::vector<CsvField>& fields) {
  const std::string_view text = block_.text();
  const bool quotes_are_text = format_.delimiter == '\t';
  for (;;) {
    CsvField field{{}, line_, false, false};
    if (at_ < size_ && text[at_] == '"') {
      scan_quoted(field, fields.size() + 1);
    } else {
      for (; marks_[mark_] < size_ && text[marks_[mark_]] == '"'; ++mark_) {
        if (quotes_are_text) continue;
        throw error(field.line, fields.size() + 1,
                    "a quote within a field that none opens; put the whole field into quotes and double "
                    "those inside");
      }
      field.text = text.substr(at_, marks_[mark_] - at_);
      at_ = marks_[mark_];
    }
    fields.push_back(field);
    if (at_ == size_) return;
    if (text[at_] != format_.delimiter) return skip_line_end();
    ++at_;
    ++mark_;
  }
}

const std::uint32_t* CsvRecords::next_plain(std::size_t fields) {
  const char* const text = this->text();
  if (quotes_ || blank_line_ != 0 || mark_ + fields > marks_end_ || ends_line(text[at_])) return nullptr;
  const std::uint32_t* const ends = marks_.get() + mark_;
  bool plain = text[ends[fields - 1]] != format_.delimiter;
  for (std::size_t i = 0; i + 1 < fields; ++i) plain &= text[ends[i]] == format_.delimiter;
  if (!plain) return nullptr;
  at_ = ends[fields - 1];
  mark_ += fields - 1;
  skip_line_end();
  return ends;
}

bool CsvRecords::next(std::vector<CsvField>& fields) {
  fields.clear();
  for (;;) {
    if (at_ == size_) {
      if (blocks_ == nullptr || !blocks_->next(block_)) return false;
      open();
    }
    if (!ends_line(text()[at_])) break;
    if (blank_line_ == 0) blank_line_ = line_;
    skip_line_end();
  }
  // Blank lines that something follows.
  if (blank_line_ != 0) {
    fields.push_back({{}, std::exchange(blank_line_, 0), false, false});
    return true;
  }
  scan(fields);
  for (CsvField& field : fields) {
    if (!field.doubled) continue;
    char* const text = block_.memory.data() + (field.text.data() - block_.memory.data());
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
