// Folders of images: which files there are, then all of them unpacked, by all threads and in their order.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "base/files.hpp"
#include "base/in_order.hpp"
#include "base/memory.hpp"
#include "base/team.hpp"
#include "base/text.hpp"
#include "data/image_file.hpp"
#include "data/image_files.hpp"
#include "data/resize.hpp"
#include "ztilde/dataset.hpp"
#include "ztilde/error.hpp"

namespace ztilde {
namespace {

std::string shown(ImageSize size) { return fmt::format("{} × {}", size.width, size.height); }

std::size_t threads_for(std::size_t threads, const ImageFiles& files) {
  return std::min(threads == 0 ? available_cores() : threads, files.files.size());
}

void require_sound(const ImageFolderOptions& options) {
  if (options.size && (options.size->width == 0 || options.size->height == 0)) {
    throw Error(ErrorKind::data, "images of 0 pixels are no images; give a width and a height from 1");
  }
  if (!options.resize) return;
  if (!options.size) throw Error(ErrorKind::data, "images are to be resized and no size is given; give one");
  if (std::max(options.size->width, options.size->height) > kMostResizedSide) {
    throw Error(ErrorKind::data, fmt::format("images are resized to {} pixels a side at most; give less",
                                             with_commas(kMostResizedSide)));
  }
}

// Files that a thread takes at once: handing over takes as long as some small images.
std::size_t files_at_once(const ImageFiles& files, std::size_t threads) {
  constexpr std::size_t kMost = 16, kShares = 4;  // of a thread, so that all end together
  return std::clamp<std::size_t>(files.files.size() / (threads * kShares), 1, kMost);
}

// Some files that one thread reads, and why the one after those in `read` cannot be. Read is what
// read(file) gives of it.
template <class Read>
struct Piece {
  std::size_t first = 0, count = 0;
  std::vector<Read> read;
  std::optional<Error> problem;
};

// Calls read(file) for all files, on all threads, and add(file, what it gave) in their order, up to the
// first file whose reading or adding throws.
template <class Read, class ReadOne, class Add>
void read_in_order(const ImageFiles& files, std::size_t threads, ReadOne&& read, Add&& add) {
  Team team(threads_for(threads, files));
  const std::size_t at_once = files_at_once(files, team.threads());
  std::size_t next = 0;
  in_order<Piece<Read>>(
      team,
      [&](Piece<Read>& piece) {
        piece.first = next;
        piece.count = std::min(at_once, files.files.size() - next);
        next += piece.count;
        return piece.count == 0 ? Taken::none : Taken::one;
      },
      [&](Piece<Read>& piece) {
        piece.read.clear();
        try {
          for (std::size_t i = 0; i < piece.count; ++i) piece.read.push_back(read(piece.first + i));
        } catch (const Error& error) {
          piece.problem = error;
        }
      },
      [&](Piece<Read>& piece) {
        for (std::size_t i = 0; i < piece.read.size(); ++i) add(piece.first + i, piece.read[i]);
        if (piece.problem) throw *piece.problem;
      });
}

// The index that each folder's images have among the classes. Throws for what makes no classes.
std::vector<float> classes_of(const ImageFiles& files, std::vector<std::string>& classes) {
  if (files.has_loose_files()) {
    if (files.folders.size() == 1) {
      refuse_image(files.path,
                   "has files and no class folders; put the images of each class into a folder of its own");
    }
    refuse_image(files.path_of(0), "lies beside the class folders; move it out of there");
  }
  std::vector<std::size_t> counts(files.folders.size());
  for (const ImageFiles::File& file : files.files) ++counts[file.folder];
  if (const auto none = std::ranges::find(counts, 0u); none != counts.end()) {
    const auto folder = static_cast<std::size_t>(none - counts.begin());
    refuse_image(files.path + "/" + files.folders[folder], "holds no images; add some, or remove the folder");
  }
  if (classes.empty()) {
    if (files.folders.size() == 1) {
      refuse_image(files.path, fmt::format("has one class folder only, {}; classification needs at least two "
                                           "classes",
                                           printable(files.folders[0])));
    }
    classes = files.folders;
  }
  std::vector<float> places;
  for (const std::string& folder : files.folders) {
    const auto found = std::ranges::find(classes, folder);
    if (found == classes.end()) {
      refuse_image(files.path + "/" + folder, fmt::format("is none of the {} known classes{}", classes.size(),
                                                          did_you_mean(folder, classes)));
    }
    places.push_back(static_cast<float>(found - classes.begin()));
  }
  return places;
}

class FolderReader {
 public:
  FolderReader(const std::string& path, const ImageFolderOptions& options)
      : options_(options), files_(find_image_files(path)), channels_(options.channels) {
    require_sound(options);
    data_.task = Task::classify;
    if (options.labelled) {
      data_.classes = options.classes;
      const std::vector<float> place = classes_of(files_, data_.classes);
      data_.target_name = "label";
      for (const ImageFiles::File& file : files_.files) data_.targets.push_back(place[file.folder]);
    } else {
      data_.kept_names = {"file"};
      data_.kept.resize(1);
      for (const ImageFiles::File& file : files_.files) data_.kept[0].push_back(file.name);
    }
    data_.images_resized = options.resize;
  }

  Dataset read() {
    read_in_order<Image>(
        files_, options_.threads, [&](std::size_t file) { return unpack(file); },
        [&](std::size_t file, const Image& image) { add(file, image); });
    data_.columns = data_.image_width * data_.image_height * channels_;
    return std::move(data_);
  }

 private:
  // By any thread: everything that does not depend on the images before.
  Image unpack(std::size_t file) {
    const std::string path = files_.path_of(file);
    std::unique_lock large(large_, std::defer_lock);
    Image image = decode_image(read_file(path), path, large);
    if (!options_.resize || size_of(image) == *options_.size) return image;
    Image resized{options_.size->width, options_.size->height, image.channels, {}};
    resized.pixels.resize(resized.width * resized.height * resized.channels);
    resize(image, *options_.size, resized.pixels.data());
    image = {};  // before another large one may be unpacked
    return resized;
  }

  static ImageSize size_of(const Image& image) { return {image.width, image.height}; }

  // One after another, in their order.
  void add(std::size_t file, const Image& image) {
    if (data_.rows == 0) begin(size_of(image));
    require_size(file, image);
    if (image.channels == 3 && channels_ == 1) {
      if (options_.channels == 1) {
        refuse_image(files_.path_of(file), "is in colour, and grey images are wanted; save it in grey");
      }
      channels_ = 3;
      widen();
    }
    if (data_.rows == 0) {
      channels_ = std::max(channels_, image.channels);
      reserve();
    }
    append(image.pixels, channels_ / image.channels);
    ++data_.rows;
  }

  void begin(ImageSize first) {
    const ImageSize size = options_.size.value_or(first);
    data_.image_width = size.width;
    data_.image_height = size.height;
  }

  void require_size(std::size_t file, const Image& image) const {
    const ImageSize size{data_.image_width, data_.image_height};
    if (size_of(image) == size) return;
    refuse_image(files_.path_of(file),
                 fmt::format("is {} pixels, and {}; bring all to one size with --image-size {}x{}",
                             shown(size_of(image)),
                             options_.size ? fmt::format("images of {} are wanted", shown(size))
                                           : fmt::format("the first image is {}", shown(size)),
                             size.width, size.height));
  }

  // Throws where the images cannot fit memory.
  void reserve() {
    const MemoryLimit limit = memory_limit();
    const std::size_t bytes = data_.image_width * data_.image_height * channels_;
    if (bytes > limit.bytes / files_.files.size()) {
      refuse_image(
          files_.path,
          fmt::format("{} of {} need more memory than {} ({} bytes); make them smaller with "
                      "--image-size",
                      counted(files_.files.size(), "image"), shown({data_.image_width, data_.image_height}),
                      limit.words, with_commas(limit.bytes)));
    }
    data_.bytes.reserve(bytes * files_.files.size());
  }

  // The grey images before the first one in colour.
  void widen() {
    const std::vector<std::uint8_t> grey = std::exchange(data_.bytes, {});
    reserve();
    append(grey, 3);
  }

  void append(const std::vector<std::uint8_t>& pixels, std::size_t times) {
    if (times == 1) {
      data_.bytes.insert(data_.bytes.end(), pixels.begin(), pixels.end());
      return;
    }
    for (const std::uint8_t pixel : pixels) data_.bytes.insert(data_.bytes.end(), times, pixel);
  }

  const ImageFolderOptions& options_;
  ImageFiles files_;
  Dataset data_;
  std::size_t channels_;
  std::mutex large_;
};

}  // namespace

Dataset read_image_folder(const std::string& path, const ImageFolderOptions& options) {
  return FolderReader(path, options).read();
}

ImageSurvey survey_image_folder(const std::string& path, std::size_t threads) {
  struct Found {
    ImageSize size;
    bool grey = false;
    std::string problem;
  };
  const ImageFiles files = find_image_files(path);
  ImageSurvey survey;
  std::vector<std::uint64_t> counts(files.folders.size());
  for (const ImageFiles::File& file : files.files) ++counts[file.folder];
  for (std::size_t i = 0; i < files.folders.size() && !files.has_loose_files(); ++i)
    survey.classes.emplace_back(files.folders[i], counts[i]);

  std::mutex one_large;
  std::map<std::pair<std::size_t, std::size_t>, std::uint64_t> sizes;
  read_in_order<Found>(
      files, threads,
      [&](std::size_t file) {
        Found found;
        try {
          std::unique_lock large(one_large, std::defer_lock);
          const std::string name = files.path_of(file);
          const Image image = decode_image(read_file(name), name, large);
          found.size = {image.width, image.height};
          found.grey = image.channels == 1;
        } catch (const Error& error) {
          found.problem = error.what();
        }
        return found;
      },
      [&](std::size_t, const Found& found) {
        if (!found.problem.empty()) {
          if (survey.unreadable++ == 0) survey.problem = found.problem;
          return;
        }
        ++survey.images;
        survey.grey += found.grey;
        ++sizes[{found.size.width, found.size.height}];
      });
  for (const auto& [size, count] : sizes) survey.sizes.push_back({{size.first, size.second}, count});
  std::ranges::stable_sort(survey.sizes, std::greater<>(), &std::pair<ImageSize, std::uint64_t>::second);
  return survey;
}

}  // namespace ztilde
