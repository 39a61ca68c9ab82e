#include "rows.hpp"

#include <algorithm>
#include <fstream>

#include "base/random.hpp"
#include "ztilde/error.hpp"

namespace ztilde::bench {
namespace {

constexpr std::uint64_t kSeed = 20;
constexpr std::size_t kClasses = 10;

RandomStream stream(std::uint32_t of) { return {kSeed, Purpose::initialise, of, 0}; }

// Each class has an image of its own; a row is its class's image with noise, cut to 0 … 255.
void fill_images(Dataset& data) {
  const RandomStream image = stream(0), noise = stream(1), label = stream(2);
  for (std::size_t c = 0; c < kClasses; ++c) data.classes.push_back(std::to_string(c));
  data.bytes.resize(data.rows * data.columns);
  for (std::size_t r = 0; r < data.rows; ++r) {
    const std::size_t its_class = label.below(kClasses, r);
    data.targets[r] = static_cast<float>(its_class);
    for (std::size_t c = 0; c < data.columns; ++c) {
      const double brightness = 400 * image.uniform(its_class * data.columns + c) - 220;
      const double value = brightness + 120 * noise.uniform(r * data.columns + c);
      data.bytes[r * data.columns + c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
    }
  }
}

// Columns of different scales; the target is a smooth function of some of them.
void fill_table(Dataset& data) {
  const RandomStream value = stream(3), noise = stream(4);
  data.floats.resize(data.rows * data.columns);
  for (std::size_t r = 0; r < data.rows; ++r) {
    double target = 0.1 * noise.normal(r);
    for (std::size_t c = 0; c < data.columns; ++c) {
      const double unit = 2 * value.uniform(r * data.columns + c) - 1;
      if (c % 4 == 0) target += unit * unit - 0.5 * unit;
      data.floats[r * data.columns + c] =
          static_cast<float>(static_cast<double>(c) + unit * static_cast<double>(c + 1));
    }
    data.targets[r] = static_cast<float>(target / 4);
  }
}

template <class T>
void write_numbers(const std::vector<T>& numbers, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(numbers.data()),
             static_cast<std::streamsize>(numbers.size() * sizeof(T)));
  if (!file.flush()) throw Error(ErrorKind::io, path + ": cannot be written");
}

}  // namespace

Dataset make_rows(Task task, std::size_t columns) {
  Dataset data;
  data.rows = kRows;
  data.columns = columns;
  data.task = task;
  data.targets.resize(kRows);
  if (task == Task::classify) {
    fill_images(data);
  } else {
    fill_table(data);
  }
  return data;
}

void write_rows(const Dataset& data, const std::string& path) {
  if (data.is_bytes()) {
    write_numbers(data.bytes, path + ".inputs");
  } else {
    write_numbers(data.floats, path + ".inputs");
  }
  write_numbers(data.targets, path + ".targets");
}

}  // namespace ztilde::bench
