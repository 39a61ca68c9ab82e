// Labelled or unlabelled rows in memory, and the readers that make them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ztilde {

enum class Task { classify, regress };

enum class ColumnKind { numeric, categorical };

// An input column. A cell of a categorical one is its category's index as a float, 0 … k - 1, and
// k for a category that is none of them; the category "" is that of missing cells.
struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::numeric;
  std::vector<std::string> categories = {};
  bool operator==(const Column&) const = default;
};

// What becomes of a missing number: refused, or NaN in the floats for the network to fill in, with
// or without an input of its own that says so.
enum class MissingUse { refuse, mean, indicator };

// How a table is meant beside its inputs and target. A model keeps it, to read other tables alike.
struct TableRules {
  std::string weight_name;           // empty: all rows count alike
  std::vector<std::string> ignored;  // columns left out on purpose
  MissingUse missing = MissingUse::refuse;
  std::vector<std::string> missing_words;  // further spellings of a missing value
  bool operator==(const TableRules&) const = default;
};

// The inputs of rows that are not in memory, sound as the Dataset's columns and rules have them. Several
// threads may read at a time.
class RowStore {
 public:
  virtual ~RowStore() = default;
  virtual bool is_bytes() const = 0;           // else floats
  virtual std::size_t block_rows() const = 0;  // what is read at once; the last block may be smaller
  // The inputs of all rows of some blocks, row-major without gaps, to `out`. Throws Error(io) for what
  // cannot be read and Error(data) for what has changed since the file was opened.
  virtual void read_blocks(std::size_t first_block, std::size_t blocks, void* out) const = 0;
  virtual std::string fingerprint() const = 0;  // of all inputs
};

// rows × columns inputs, row-major without gaps: bytes (images) or floats, one of the two, or in `store`.
struct Dataset {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::shared_ptr<const RowStore> store;  // instead of both; targets and weights are in memory all the same
  std::vector<std::string> column_names;  // empty for images
  std::vector<Column> column_info;        // parallel to column_names; empty: all are numeric
  TableRules rules;
  std::vector<float> weights;  // by row, at least 0 and not all 0; empty: all 1

  // Empty when the rows have no target. A class is its index in `classes`.
  std::vector<float> targets;
  Task task = Task::classify;
  std::string target_name;
  std::vector<std::string> classes;

  // Columns asked for with CsvOptions::keep, as text: kept[i][row] belongs to kept_names[i].
  std::vector<std::string> kept_names;
  std::vector<std::vector<std::string>> kept;

  // Of images, whose columns are height · width · channels, channels last; 0 elsewhere.
  std::size_t image_width = 0, image_height = 0;
  bool images_resized = false;  // the reader brought some or all to this size
  std::size_t image_channels() const { return image_width == 0 ? 0 : columns / (image_width * image_height); }

  // What the reader decided, in plain words, one sentence each ("task: classify, because …").
  std::vector<std::string> notes;

  bool is_bytes() const { return store ? store->is_bytes() : !bytes.empty(); }
};

// What the four dimensions of an IDX file are. automatic: channels_last where the last is 1, 3 or 4,
// channels_first where the second is 1 or 3; where both or neither hold, the file is refused.
enum class ImageLayout {
  automatic,
  channels_last,   // [rows, height, width, channels]
  channels_first,  // [rows, channels, height, width]
};

// An IDX file of unsigned bytes [rows, …] and, unless the path is empty, one of labels [rows].
// Both may be gzip files. The classes are "0" … "largest label". Throws Error for what is not
// such a file, promises more or less than it holds, or has another number of labels than rows.
Dataset read_idx(const std::string& images_path, const std::string& labels_path,
                 ImageLayout layout = ImageLayout::automatic);

struct ImageSize {
  std::size_t width = 0, height = 0;
  bool operator==(const ImageSize&) const = default;
};

// An image with more pixels is refused before they are unpacked.
constexpr std::size_t kMostImagePixels = 100'000'000;

struct ImageFolderOptions {
  std::optional<ImageSize> size = {};  // of all images; empty: that of the first
  bool resize = false;                 // others are stretched or shrunk to `size`, instead of refused
  std::size_t channels = 0;  // 1 (an image in colour is refused), 3, or 0: 1 where all are grey, else 3
  // Without labels the images may lie in class folders or in no folder, and Dataset::kept has their
  // names in a column "file".
  bool labelled = true;
  std::vector<std::string> classes = {};  // not empty: these and no others, by index
  std::size_t threads = 0;                // 0: all cores; the result does not depend on it
};

// PNG and JPEG files in a folder for each class, in the order of the classes' names and then of the
// files'. Hidden files are passed over. Throws Error naming the file that is no such image or does not
// fit (docs/images.md). Memory beside the result: some images.
Dataset read_image_folder(const std::string& path, const ImageFolderOptions& options);

// What lies in such a folder.
struct ImageSurvey {
  std::uint64_t images = 0, grey = 0;                          // those that can be read
  std::vector<std::pair<ImageSize, std::uint64_t>> sizes;      // most frequent first
  std::vector<std::pair<std::string, std::uint64_t>> classes;  // files, by the classes' names
  std::uint64_t unreadable = 0;
  std::string problem;  // of the first that cannot be read, as an Error would tell it
};

// Reads every image and refuses none; with files beside or instead of class folders there are no classes.
ImageSurvey survey_image_folder(const std::string& path, std::size_t threads = 0);

enum class ColumnRole { numeric, categorical, ignored, weight, target };
std::string_view to_string(ColumnRole role);

struct CsvOptions {
  char delimiter = 0;          // 0: the one of comma, tab, semicolon and pipe that the first line has most of
  bool decimal_comma = false;  // 1,5 is one and a half, 1.5 is no number
  bool header = true;          // false: the columns are called 1, 2, …

  enum class Target { required, if_present, ignored };
  Target target_use = Target::required;
  std::string target;                // name or 1-based number; empty: the role target, else the last column
  std::optional<Task> task;          // empty: decided from the target's texts, and said in notes
  std::vector<std::string> classes;  // not empty: these and no others, by index
  std::vector<std::string> keep;     // columns to keep as text in Dataset::kept

  // To train: what columns are; those not named are numeric, categorical or ignored by what they hold.
  std::vector<std::pair<std::string, ColumnRole>> roles;
  // To use a model: its inputs, in its order, which leave nothing to infer; roles must be empty.
  std::vector<Column> columns;
  // Of a model; to train, its names come from `roles`.
  TableRules rules;
  bool refuse_unseen = false;  // a category that is none of its column's is an error

  std::size_t threads = 0;  // 0: all cores; the result does not depend on it
};

// A table: delimited, quoted as in RFC 4180, gzip or plain, "-" for standard input. Throws Error(data)
// with file, line and column of what is wrong. Memory beside the result: 100 MB; gzip, pipes: its size more.
Dataset read_csv(const std::string& path, const CsvOptions& options);

// Adds the roles that a JSON file gives: {"age": "numeric", "id": "ignored", …}.
void read_roles(const std::string& path, CsvOptions& options);

// What a column holds, whatever it is to be.
struct ColumnSurvey {
  std::string name;
  ColumnRole role = ColumnRole::numeric;
  std::string reason;  // why an undeclared column is ignored, "" elsewhere
  std::uint64_t numbers = 0, texts = 0, missing = 0;
  double mean = 0, least = 0, most = 0;  // of the numbers
  std::string odd;                       // the first text among numbers, "" for none
  std::size_t odd_line = 0;
  // Most frequent first, missing cells aside; not all where there are more than kMostSurveyed.
  std::vector<std::pair<std::string, std::uint64_t>> values;
  bool all_values = true;
};

constexpr std::size_t kMostSurveyed = 1000;

struct TableSurvey {
  std::uint64_t rows = 0;
  char delimiter = ',';
  std::vector<ColumnSurvey> columns;
  std::vector<std::string> notes;
};

// Looks at all of a table without reading it: missing and odd values are counted, not refused.
TableSurvey survey_csv(const std::string& path, const CsvOptions& options);

// The row numbers held out for validation and those left for training; stratified for classes.
// Every class keeps at least one training row. Throws Error(data) when either would be empty.
struct Split {
  std::vector<std::uint32_t> train, valid;
};
Split split_rows(const Dataset& data, double valid_fraction, std::uint64_t seed);

}  // namespace ztilde
