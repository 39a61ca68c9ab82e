// Tables: which columns are what, then block after block of rows.
#include "data/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/in_order.hpp"
#include "base/memory.hpp"
#include "base/team.hpp"
#include "base/text.hpp"
#include "data/csv_places.hpp"
#include "data/csv_records.hpp"
#include "data/table_part.hpp"
#include "data/target.hpp"

namespace ztilde {
namespace {

// More find nothing to do while one of them reads, and each has its memory.
constexpr std::size_t kMostWorkers = 8;
constexpr std::size_t kLargeBlock = 16 * CsvBlocks::kSize;

// One table on its way into a data set.
class TableReader {
 public:
  TableReader(CsvBlocks& blocks, const CsvOptions& options, InputSink* sink)
      : blocks_(blocks),
        sink_(sink),
        records_(blocks),
        options_(options),
        cells_(options),
        places_(find_places(records_, options, cells_, data_)),
        parts_(places_, options, cells_),
        missing_(places_.names.size()),
        most_floats_(memory_limit().bytes / sizeof(float)) {
    for (const Input& input : places_.inputs) data_.column_names.push_back(places_.names[input.field]);
    for (const std::size_t i : places_.kept) data_.kept_names.push_back(places_.names[i]);
    data_.kept.resize(places_.kept.size());
    data_.columns = places_.inputs.size();
    if (places_.target) {
      target_.emplace(*places_.target, places_.names[*places_.target], options, cells_,
                      places_.mostly_text_target);
    }
    categories_.resize(data_.columns);
    unseen_.resize(data_.columns);
    add_notes(data_, records_, places_, options);
  }

  Dataset read() {
    const std::size_t threads = options_.threads == 0 ? available_cores() : options_.threads;
    Team team(blocks_.ended() ? 1 : std::min(threads, kMostWorkers));
    std::optional<CsvBlock> first = records_.give_up_rest();
    in_order<Piece>(
        team,
        [&](Piece& piece) {
          if (first) {
            piece.block = std::move(*first);
            first.reset();
          } else if (!blocks_.next(piece.block)) {
            return Taken::none;
          }
          return piece.block.text().size() > kLargeBlock ? Taken::large : Taken::one;
        },
        [&](Piece& piece) {
          piece.records.read(blocks_.format(), piece.block);
          parts_.read(piece.records, piece.part);
        },
        [&](Piece& piece) {
          try {
            add(piece.records, piece.part);
          } catch (...) {
            blocks_.give_up();
            throw;
          }
          if (piece.records.bytes_done() > kLargeBlock) piece = Piece();
        });
    if (data_.rows == 0) throw records_.error(1, 0, "a header and no rows; add rows below it");
    finish();
    return std::move(data_);
  }

 private:
  struct Piece {
    CsvBlock block;
    CsvRecords records;
    TablePart part;
  };
  // What stops the reading at a row of a part.
  struct Stop {
    std::size_t row = 0;
    std::optional<Error> error;
  };

  // Room for all rows there will be, if they are as long as the first ones.
  void reserve(std::size_t rows, std::size_t bytes) {
    const double expected = 1.02 * static_cast<double>(blocks_.expected_bytes()) * static_cast<double>(rows) /
                            static_cast<double>(bytes);
    const double floats = expected * static_cast<double>(data_.columns);
    if (floats < static_cast<double>(most_floats_)) data_.floats.reserve(static_cast<std::size_t>(floats));
  }

  // The rows behind those read so far.
  void add(const CsvRecords& records, TablePart& part) {
    Stop stop{part.rows, std::move(part.problem)};
    add_categories(records, part, stop);
    refuse_too_many(records, part, stop);
    add_others(records, part, stop.row);
    if (stop.error) throw *stop.error;
    keep_inputs(records, part);
    missing_.add(part.missing, data_.rows);
    for (std::size_t i = 0; i < part.unseen.size(); ++i) {
      if (unseen_[i].count == 0) unseen_[i].first = std::move(part.unseen[i].first);
      unseen_[i].count += part.unseen[i].count;
    }
    data_.rows += part.rows;
  }

  void keep_inputs(const CsvRecords& records, const TablePart& part) {
    if (sink_ != nullptr) return sink_->add(part.floats, data_.columns);
    if (data_.rows == 0) reserve(part.rows, records.bytes_done());
    data_.floats.insert(data_.floats.end(), part.floats.begin(), part.floats.end());
  }

  // Makes the part's categories those of the table. A part meets them before what stops it.
  void add_categories(const CsvRecords& records, TablePart& part, Stop& stop) {
    bool full = false;
    for (std::size_t i = 0; i < part.categories.size(); ++i) {
      const TablePart::Categories& found = part.categories[i];
      std::vector<float> places;
      for (std::size_t k = 0; k < found.index.size(); ++k) {
        const std::size_t place = categories_[i].find_or_add(found.index.text(k));
        places.push_back(static_cast<float>(place));
        if (place < kMostCategories) continue;
        const auto [row, line] = found.first[k];
        const std::size_t field = places_.inputs[i].field;
        if (!full || row < stop.row) {
          stop = {row, records.error(line, field + 1,
                                     fmt::format("{} has more than {}; leave it out with --ignore",
                                                 named_column(field + 1, places_.names[field]),
                                                 counted(kMostCategories, "category")))};
        }
        full = true;
        break;
      }
      if (full || places.empty()) continue;
      for (std::size_t at = i; at < part.rows * data_.columns; at += data_.columns) {
        part.floats[at] = places[static_cast<std::size_t>(part.floats[at])];
      }
    }
  }

  void refuse_too_many(const CsvRecords& records, const TablePart& part, Stop& stop) const {
    if (sink_ != nullptr) return;
    const std::size_t most = most_floats_ / data_.columns - data_.rows;
    if (stop.row <= most) return;
    stop = {most, records.error(
                      part.lines[most], 0,
                      fmt::format("the rows up to here need more memory than {} ({} bytes); use a part of "
                                  "the table",
                                  memory_limit().words, with_commas(memory_limit().bytes)))};
  }

  // Target, weights and kept columns of a part's first rows: what depends on the rows before.
  void add_others(const CsvRecords& records, const TablePart& part, std::size_t rows) {
    const CsvField* field = part.others.data();
    for (std::size_t r = 0; r < rows; ++r) {
      if (target_) target_->add(records, *field++, missing_);
      if (places_.weight) add_weight(records, data_.rows + r, *field++);
      for (std::vector<std::string>& kept : data_.kept) kept.emplace_back((field++)->text);
    }
  }

  void add_weight(const CsvRecords& records, std::size_t row, const CsvField& field) {
    const std::size_t i = *places_.weight;
    const auto [kind, value] = cells_.number<float>(field.text);
    if (kind == NumberKind::empty) {
      missing_.add(row, field, i);
    } else if (kind != NumberKind::number) {
      throw records.error(field.line, i + 1,
                          number_complaint(field.text, i + 1, places_.names[i], cells_.point()));
    } else if (value < 0) {
      throw records.error(field.line, i + 1,
                          fmt::format("the weight in {} is {}; weights are at least 0",
                                      named_column(i + 1, places_.names[i]), printable(trimmed(field.text))));
    }
    weighty_ |= value > 0;
    data_.weights.push_back(value);
  }

  void finish() {
    missing_.require_none(records_, places_.names);
    if (places_.weight && !weighty_) {
      throw records_.error(1, *places_.weight + 1,
                           fmt::format("every weight in {} is 0; give some rows a weight above 0",
                                       named_column(*places_.weight + 1, places_.names[*places_.weight])));
    }
    if (target_) target_->finish(data_, records_);
    if (options_.columns.empty()) {
      sort_inputs();
    } else {
      tell_unseen();
      if (std::ranges::any_of(options_.columns,
                              [](const Column& c) { return c.kind != ColumnKind::numeric; })) {
        data_.column_info = options_.columns;
      }
    }
  }

  // Categories in an order that the rows' order does not change.
  void sort_inputs() {
    if (std::ranges::none_of(places_.inputs, &Input::categorical)) return;
    for (std::size_t c = 0; c < data_.columns; ++c) {
      Column column{data_.column_names[c], ColumnKind::numeric, {}};
      if (places_.inputs[c].categorical) {
        const CategoryOrder order = sort_categories(categories_[c], false);
        column.kind = ColumnKind::categorical;
        column.categories = order.sorted;
        place_categories(c, order);
      }
      data_.column_info.push_back(std::move(column));
    }
  }

  void place_categories(std::size_t c, const CategoryOrder& order) {
    if (sink_ != nullptr) return sink_->sort_categories(c, {order.place.begin(), order.place.end()});
    for (std::size_t r = 0; r < data_.rows; ++r) {
      float& cell = data_.floats[r * data_.columns + c];
      cell = static_cast<float>(order.place[static_cast<std::size_t>(cell)]);
    }
  }

  void tell_unseen() {
    for (std::size_t i = 0; i < unseen_.size(); ++i) {
      const auto& [count, first] = unseen_[i];
      if (count == 0) continue;
      data_.notes.push_back(fmt::format("categories: {} of '{}' {} not there in training, the first is {}",
                                        counted(count, "value"), printable(data_.column_names[i]),
                                        count == 1 ? "was" : "were",
                                        first.empty() ? "missing" : fmt::format("'{}'", printable(first))));
    }
  }

  CsvBlocks& blocks_;
  InputSink* sink_;
  CsvRecords records_;  // of the header
  const CsvOptions& options_;
  Cells cells_;
  Dataset data_;
  Places places_;
  PartReader parts_;
  MissingCounts missing_;
  std::vector<CategoryIndex> categories_;  // by input
  std::vector<TablePart::Unseen> unseen_;  // by input
  std::size_t most_floats_;
  std::optional<TargetReader> target_;
  bool weighty_ = false;
};

}  // namespace

Dataset read_table(CsvBlocks& blocks, const CsvOptions& options, InputSink* sink) {
  return TableReader(blocks, options, sink).read();
}

Dataset read_csv(const std::string& path, const CsvOptions& options) {
  ByteStream stream(path);
  CsvBlocks blocks(stream, options.delimiter, options.decimal_comma);
  return read_table(blocks, options);
}

}  // namespace ztilde
