// Tables: the first byte chooses how they are read, the second how they are cut into pieces.
#include "data/csv.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/byte_stream.hpp"
#include "data/csv_blocks.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

using namespace ztilde;

namespace {

void require(bool claim) {
  if (!claim) std::abort();
}

void check(const Dataset& data) {
  require(data.rows > 0 && data.floats.size() == data.rows * data.columns);
  require(data.column_info.empty() || data.column_info.size() == data.columns);
  require(data.weights.empty() || data.weights.size() == data.rows);
  require(data.targets.empty() || data.targets.size() == data.rows);
  for (std::size_t i = 0; i < data.floats.size(); ++i) {
    const float cell = data.floats[i];
    if (!data.column_info.empty() && data.column_info[i % data.columns].kind == ColumnKind::categorical) {
      const auto most = static_cast<float>(data.column_info[i % data.columns].categories.size());
      require(cell >= 0 && cell <= most && cell == std::floor(cell));
    } else {
      require(std::isfinite(cell) || (std::isnan(cell) && data.rules.missing != MissingUse::refuse));
    }
  }
  for (const float target : data.targets) {
    require(std::isfinite(target));
    require(data.task == Task::regress || (target >= 0 && target < static_cast<float>(data.classes.size())));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const unsigned how = bytes[0];
  const std::size_t block = bytes[1] % 64 + 1u;
  const std::string content(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  CsvOptions options;
  options.decimal_comma = how & 1;
  options.header = !(how & 2);
  if (how & 4) options.rules.missing = MissingUse::indicator;
  if (how & 8) options.rules.missing_words = {"-9", "none"};
  if (how & 16) options.roles = {{"1", ColumnRole::weight}, {"2", ColumnRole::categorical}};
  if (how & 32) options.target = "1";
  options.threads = how & 128 ? 3 : 1;
  try {
    if (how & 64) {
      ByteStream stream("t.csv", content);
      CsvBlocks blocks(stream, options.delimiter, options.decimal_comma, block);
      require(survey_table(blocks, options).rows > 0);
    }
    ByteStream stream("t.csv", content);
    CsvBlocks blocks(stream, options.delimiter, options.decimal_comma, block);
    const Dataset data = read_table(blocks, options);
    check(data);
    // What was read to train on is read alike with the columns that came out of it.
    CsvOptions again = options;
    again.roles.clear();
    for (std::size_t c = 0; c < data.columns; ++c) {
      again.columns.push_back(data.column_info.empty() ? Column{data.column_names[c]} : data.column_info[c]);
    }
    again.rules = data.rules;
    again.target = data.target_name;
    again.task = data.task;
    again.classes = data.classes;
    ByteStream same("t.csv", content);
    CsvBlocks same_blocks(same, options.delimiter, options.decimal_comma);
    const Dataset second = read_table(same_blocks, again);
    require(second.rows == data.rows && second.targets == data.targets && second.weights == data.weights);
    for (std::size_t i = 0; i < data.floats.size(); ++i) {
      require(second.floats[i] == data.floats[i] ||
              (std::isnan(second.floats[i]) && std::isnan(data.floats[i])));
    }
  } catch (const Error& error) {
    require(std::string(error.what()).find('\n') == std::string::npos);
  }
  return 0;
}
