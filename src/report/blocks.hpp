// What a section of a page is made of. Every function gives one block, plain JSON.
// Colours are roles, resolved on the page for light and dark: a dataset of a chart says
// "role": "train", "valid", "with", "without", "theory" or 0 … 7, never a colour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/page.hpp"

namespace ztilde::report {

Json text(const std::string& words);
// In a fixed-width face, its lines kept, with a button that copies it.
Json code(const std::string& words);

// A row of key numbers, as they are to be read.
struct Figure {
  std::string label, value, note = {};
};
Json figures(const std::vector<Figure>& items);

enum class Verdict { reproduced, not_reproduced, beyond };
std::string_view to_string(Verdict verdict);
struct VerdictNumber {
  std::string label, value, threshold;
  bool met = false;
};
Json verdict(Verdict verdict, const std::string& words, const std::vector<VerdictNumber>& numbers);

// A chart of src/report/charts/SPEC.json. Its strings "$name" become data["name"], "$name=value" stands
// for value where data has none, and what has neither is left out. All specifications take "title" (what
// to see in it), "alt" (the same for who cannot see it) and "note". Throws std::out_of_range for no SPEC.
Json chart(std::string_view spec, const Json& data);

struct Axis {
  std::string label;
  std::vector<std::string> ticks;
};
struct Scale {
  std::string label;
  double least = 0, most = 1;
  std::string unit = {};     // "%", after every value
  bool logarithmic = false;  // of the colours
  bool diverging = false;    // two colours that meet in the middle
};
struct Heatmap {
  std::string title, alt;
  Axis x, y;
  std::vector<std::vector<std::optional<double>>> cells;  // a row for each tick of y, from the top
  std::vector<std::vector<bool>> hatched = {};            // the same, or empty: diverged
  Scale scale;
  bool values = false;  // written into the cells, where there is room
  std::string note = {};
};
Json heatmap(const Heatmap& map);

// Parallel coordinates: an axis for each option and a last one, `scale`, for the result; a line for each
// trial.
struct ParallelAxis {
  std::string label;
  double least = 0, most = 1;
  bool logarithmic = false, whole = false;
  std::vector<std::string> choices = {};  // not empty: a value is a place among them
};
struct ParallelLine {
  std::string name;
  std::vector<double> values;    // one for each axis
  std::optional<double> result;  // none: drawn dashed, and ends before the last axis
  std::string state = {};        // "stopped early"; what there is instead of a result
};
struct Parallel {
  std::string title, alt;
  std::vector<ParallelAxis> axes;   // at least one
  std::vector<ParallelLine> lines;  // at least one; from the best: people step through them in this order
  Scale scale;                      // results past its ends are drawn at them
  bool has_best = false;            // lines[0] stands out
  std::string note = {};
};
Json parallel(const Parallel& picture);

// rows: arrays of strings and numbers.
Json table(const std::string& title, const std::vector<std::string>& columns, const Json& rows);

struct LayerItem {
  std::string name, shape;
  std::uint64_t parameters = 0;
  std::string note = {};
};
Json layers(const std::vector<LayerItem>& items);

// Grey images of the same size, a byte a pixel.
struct ImageItem {
  std::vector<std::uint8_t> pixels;
  std::string caption;
};
Json images(const std::string& title, std::size_t width, std::size_t height,
            const std::vector<ImageItem>& items);

std::string base64(std::span<const std::uint8_t> bytes);

}  // namespace ztilde::report
