// The rows that a verb reads: a table, an IDX file or a folder of images, whichever --data names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "cli/streams.hpp"
#include "cli/table_options.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli {

// What can be said about images.
struct ImageArguments {
  std::optional<ImageSize> size;                // of a folder's
  ImageLayout layout = ImageLayout::automatic;  // of an IDX file
};

struct InputFiles {
  std::string data, labels;
  TableArguments table;         // of a table
  ImageArguments images;        // of images
  bool packed_on_disk = false;  // the inputs of a packed file stay there, in Dataset::store
};

enum class InputKind { table, idx, image_folder, packed };

// --data, --labels, --image-size and --image-layout.
void add_input_options(OptionTable& table, InputFiles& files);
// The last two of them.
void add_image_options(OptionTable& table, ImageArguments& images);
void add_layout_option(OptionTable& table, ImageArguments& images);
// --threads; 0 stands for all cores.
void add_threads_option(OptionTable& table, std::uint64_t& threads);
void require_data(const InputFiles& files);

// What training does to images, which a table refuses.
extern const std::vector<std::string> kAugmentOptions;

// Images come in a folder, with labels, or in a file that begins as IDX files do; packed rows in one that
// begins as those do. A pipe is not looked
// into. Refuses options that are of another kind of input.
InputKind kind_of(const InputFiles& files);

// Rows to learn from: a table with its target (empty: the last column), or images with labels. `table`
// has the options that images refuse.
Dataset read_labelled_rows(const OptionTable& table, const InputFiles& files, const std::string& target,
                           std::optional<Task> task, std::size_t threads);

// Packed rows as the model takes them: its columns in its order, categories and classes by their texts.
Dataset read_packed_for(const Model& model, const InputFiles& files, CsvOptions::Target use);

// What the reader must know of a model to read its tables.
CsvOptions csv_options_for(const Model& model, const InputFiles& files, CsvOptions::Target use);
// The rows with their target where use says so, weighted by --weight-column or else the model's own, in the
// model's columns, order and classes.
Dataset read_for_model(const Model& model, const InputFiles& files, CsvOptions::Target use,
                       std::size_t threads, const std::vector<std::string>& keep = {});

// Refuses a --weight-column that read_for_model did not find.
void require_given_weights(const Dataset& data, const InputFiles& files);

// Says what the reader decided about the columns, once each.
void warn_about_columns(const Dataset& data, const std::string& path, const Messages& messages);

using NamedPath = std::pair<std::string, std::string>;  // "--data", "rows.csv"
// Refuses an output that is one of the other files, whatever --force says.
void require_other_file(const NamedPath& output, const std::vector<NamedPath>& others);
// Throws Error(data) unless --out names the file of a model made from another one and none of what is read.
// kind: "folded", as the message calls it.
void require_model_out(const std::string& out, const std::string& kind, const std::string& model,
                       const InputFiles& input);

}  // namespace ztilde::cli
