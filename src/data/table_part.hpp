// The rows of one block of a table, read without knowing the blocks before it, by any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/categories.hpp"
#include "data/cells.hpp"
#include "data/csv_places.hpp"
#include "data/csv_records.hpp"
#include "ztilde/error.hpp"

namespace ztilde {

struct TablePart {
  struct Categories {
    CategoryIndex index;  // in the order of their rows
    struct First {
      std::size_t row = 0, line = 0;
    };
    std::vector<First> first;  // by index
  };
  struct Unseen {
    std::size_t count = 0;
    std::string first;
  };

  std::size_t rows = 0;
  std::vector<float> floats;           // rows × inputs; categories by Categories::index, or a model's
  std::vector<std::size_t> lines;      // by row
  std::vector<CsvField> others;        // rows × columns that are no inputs: target, weight, those kept
  std::vector<Categories> categories;  // by input, where there is no model
  std::vector<Unseen> unseen;          // by input, where there is one
  MissingCounts missing;               // of inputs
  std::optional<Error> problem;        // what is wrong with the row behind these
};

class PartReader {
 public:
  PartReader(const Places& places, const CsvOptions& options, const Cells& cells);

  // Reads all that `records` have. The part's fields live as long as they do.
  void read(CsvRecords& records, TablePart& part) const;

 private:
  struct Number {
    std::uint32_t field, place;  // in the record, and among the inputs
  };
  // A record's fields where none is quoted: field i between ends[i] + 1 and ends[i + 1].
  struct PlainRecord {
    const char* text;
    const std::uint32_t* ends;
    std::string_view field(std::size_t i) const {
      const std::uint32_t begin = ends[i] + 1;
      return {text + begin, ends[i + 1] - begin};
    }
  };
  void read_rows(CsvRecords& records, TablePart& part) const;
  template <class FieldAt>
  void add(const CsvRecords& records, TablePart& part, const FieldAt& field, const PlainRecord* plain) const;
  bool plain_numbers(const PlainRecord& record, float* out) const;
  [[noreturn]] void refuse_ragged(const CsvRecords& records, const std::vector<CsvField>& fields) const;
  float number(const CsvRecords& records, TablePart& part, std::size_t input, const CsvField& field) const;
  float category(const CsvRecords& records, TablePart& part, std::size_t input, const CsvField& field) const;
  [[noreturn]] void refuse_unseen(const CsvRecords& records, std::size_t input, const CsvField& field,
                                  std::string_view text) const;

  const Places& places_;
  const CsvOptions& options_;
  const Cells& cells_;
  std::vector<Number> numbers_;           // inputs
  std::vector<std::size_t> categorical_;  // inputs
  std::vector<std::size_t> others_;       // where the columns that are no inputs are
};

}  // namespace ztilde
