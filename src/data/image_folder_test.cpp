// Folders of images as data sets.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/test_support.hpp"
#include "data/image_test_support.hpp"
#include "ztilde/dataset.hpp"

namespace ztilde {
namespace {

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Bytes tripled(const Bytes& grey) {
  Bytes colours;
  for (const std::uint8_t pixel : grey) colours.insert(colours.end(), 3, pixel);
  return colours;
}

class ImageFolder : public testing::Test {
 protected:
  void put(const std::string& name, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    folder.write(name, content);
  }
  void put_grey(const std::string& name, unsigned seed, std::size_t width = 4, std::size_t height = 3) {
    put(name, png_file(width, height, pattern(width * height, seed)));
  }
  void put_colour(const std::string& name, unsigned seed) {
    put(name, png_file(4, 3, pattern(36, seed), {.type = PNG_COLOR_TYPE_RGB}));
  }
  Dataset read(const ImageFolderOptions& options = {}) const {
    return read_image_folder(folder.path(), options);
  }
  std::string complaint(const ImageFolderOptions& options = {}) const {
    std::string text = failure(folder, [&] { read(options); });
    // The folder itself.
    if (const auto at = text.find(folder.path()); at != text.npos)
      text.replace(at, folder.path().size(), "F");
    return text;
  }

  const TemporaryFolder folder;
};

TEST_F(ImageFolder, has_its_folders_as_classes_and_rows_in_the_order_of_the_names) {
  put_grey("dog/b.png", 1);
  put_grey("cat/2.png", 2);
  put_grey("dog/a.png", 3);
  put_grey("cat/10.png", 4);
  put("cat/.hidden", "nothing");
  const Dataset data = read();
  EXPECT_EQ(data.rows, 4u);
  EXPECT_EQ(data.image_width, 4u);
  EXPECT_EQ(data.image_height, 3u);
  EXPECT_EQ(data.image_channels(), 1u);
  EXPECT_EQ(data.columns, 12u);
  EXPECT_EQ(data.classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(data.targets, (std::vector<float>{0, 0, 1, 1}));
  EXPECT_EQ(data.task, Task::classify);
  EXPECT_EQ(data.target_name, "label");
  EXPECT_FALSE(data.images_resized);
  EXPECT_EQ(data.bytes, joined({pattern(12, 4), pattern(12, 2), pattern(12, 3), pattern(12, 1)}));
  EXPECT_TRUE(data.kept.empty());
}

TEST_F(ImageFolder, is_in_colour_where_any_image_is) {
  put_grey("a/1.png", 1);
  put_colour("b/1.png", 2);
  put_grey("b/2.png", 3);
  const Dataset data = read();
  EXPECT_EQ(data.columns, 36u);
  EXPECT_EQ(data.image_channels(), 3u);
  EXPECT_EQ(data.bytes, joined({tripled(pattern(12, 1)), pattern(36, 2), tripled(pattern(12, 3))}));
}

TEST_F(ImageFolder, has_the_channels_that_a_model_takes) {
  put_grey("a/1.png", 1);
  put_grey("b/1.png", 2);
  EXPECT_EQ(read({.channels = 3}).bytes, joined({tripled(pattern(12, 1)), tripled(pattern(12, 2))}));
  put_colour("b/2.png", 2);
  EXPECT_EQ(complaint({.channels = 1}),
            "data: b/2.png: is in colour, and grey images are wanted; save it in grey");
}

TEST_F(ImageFolder, may_be_resized) {
  put("a/1.png", png_file(4, 2, {0, 0, 8, 8, 4, 4, 0, 0}));
  put("b/1.png", png_file(2, 1, {7, 9}));
  put("b/2.png", png_file(1, 1, {5}));
  const Dataset data = read({.size = ImageSize{2, 1}, .resize = true});
  EXPECT_EQ(data.bytes, (Bytes{2, 4, 7, 9, 5, 5}));
  EXPECT_TRUE(data.images_resized);
}

TEST_F(ImageFolder, is_the_same_for_any_number_of_threads) {
  for (unsigned i = 0; i < 60; ++i) {
    const std::string name = std::string(1, "xyz"[i % 3]) + "/" + std::to_string(i);
    if (i == 40) {
      put_colour(name, i);
    } else {
      put_grey(name, i);
    }
  }
  const Dataset one = read({.threads = 1});
  EXPECT_EQ(one.rows, 60u);
  for (const std::size_t threads : {2u, 3u, 9u}) {
    const Dataset other = read({.threads = threads});
    EXPECT_EQ(other.bytes, one.bytes);
    EXPECT_EQ(other.targets, one.targets);
  }
  put("y/0000", "no image");
  put("z/0000", "GIF8");
  for (const std::size_t threads : {1u, 2u, 9u}) {
    EXPECT_EQ(complaint({.threads = threads}),
              "data: y/0000: is no PNG or JPEG image (it starts with 'no image'); take it out of the folder");
  }
  // What is wrong with an image before comes first, though it is seen later.
  put_grey("x/last", 1, 5, 3);
  for (const std::size_t threads : {1u, 2u, 9u}) {
    EXPECT_EQ(complaint({.threads = threads}),
              "data: x/last: is 5 × 3 pixels, and the first image is 4 × 3; bring all to one size with "
              "--image-size 4x3");
  }
}

TEST_F(ImageFolder, without_labels_may_have_class_folders_or_none_and_keeps_the_names) {
  put_grey("2.png", 1);
  put_grey("10.png", 2);
  const Dataset flat = read({.labelled = false});
  EXPECT_EQ(flat.rows, 2u);
  EXPECT_TRUE(flat.targets.empty());
  EXPECT_TRUE(flat.classes.empty());
  EXPECT_EQ(flat.kept_names, (std::vector<std::string>{"file"}));
  EXPECT_EQ(flat.kept.at(0), (std::vector<std::string>{"10.png", "2.png"}));
  put_grey("a/1.png", 3);
  std::filesystem::create_directory(folder / "empty");
  EXPECT_EQ(read({.labelled = false}).kept.at(0), (std::vector<std::string>{"10.png", "2.png", "a/1.png"}));
}

TEST_F(ImageFolder, has_the_classes_of_a_model) {
  put_grey("cat/1.png", 1);
  put_grey("dog/1.png", 2);
  const Dataset data = read({.classes = {"ape", "cat", "cow", "dog"}});
  EXPECT_EQ(data.targets, (std::vector<float>{1, 3}));
  EXPECT_EQ(data.classes.size(), 4u);
  EXPECT_EQ(complaint({.classes = {"cat", "dogs"}}),
            "data: dog: is none of the 2 known classes; did you mean dogs?");
}

TEST_F(ImageFolder, is_refused_where_it_makes_no_classes) {
  EXPECT_EQ(complaint(),
            "data: F: holds no images; put the images of each class into a folder of its own in it");
  put_grey("1.png", 1);
  EXPECT_EQ(complaint(),
            "data: F: has files and no class folders; put the images of each class into a folder of its own");
  put_grey("cat/1.png", 1);
  EXPECT_EQ(complaint(), "data: 1.png: lies beside the class folders; move it out of there");
  std::filesystem::remove(folder / "1.png");
  EXPECT_EQ(complaint(),
            "data: F: has one class folder only, cat; classification needs at least two classes");
  std::filesystem::create_directory(folder / "dog");
  EXPECT_EQ(complaint(), "data: dog: holds no images; add some, or remove the folder");
  put_grey("dog/young/1.png", 1);
  EXPECT_EQ(
      complaint(),
      "data: dog/young: is a folder within a class folder; name the folder whose folders are the classes, "
      "or move its images up");
  EXPECT_EQ(failure(folder, [&] { read_image_folder(folder / "absent", {}); }),
            "io: absent: the folder cannot be read (No such file or directory); check its name and rights");
}

TEST_F(ImageFolder, is_refused_where_sizes_differ) {
  put_grey("a/1.png", 1);
  put_grey("b/1.png", 1, 5, 3);
  EXPECT_EQ(complaint(),
            "data: b/1.png: is 5 × 3 pixels, and the first image is 4 × 3; bring all to one size with "
            "--image-size 4x3");
  EXPECT_EQ(complaint({.size = ImageSize{5, 3}}),
            "data: a/1.png: is 4 × 3 pixels, and images of 5 × 3 are wanted; bring all to one size with "
            "--image-size 5x3");
}

TEST_F(ImageFolder, can_be_looked_at_without_refusing_anything) {
  put_grey("a/1.png", 1);
  put_grey("a/2.png", 1, 5, 3);
  put_colour("b/1.png", 1);
  put("b/2.png", "GIF89a");
  put("b/3.png", "");
  for (const std::size_t threads : {1u, 4u}) {
    const ImageSurvey survey = survey_image_folder(folder.path(), threads);
    EXPECT_EQ(survey.images, 3u);
    EXPECT_EQ(survey.grey, 2u);
    EXPECT_EQ(survey.unreadable, 2u);
    EXPECT_EQ(survey.problem,
              folder / "b/2.png" + ": is a GIF image, and only PNG and JPEG are read; convert it");
    ASSERT_EQ(survey.sizes.size(), 2u);
    EXPECT_EQ(survey.sizes[0].first, (ImageSize{4, 3}));
    EXPECT_EQ(survey.sizes[0].second, 2u);
    EXPECT_EQ(survey.classes, (std::vector<std::pair<std::string, std::uint64_t>>{{"a", 2}, {"b", 3}}));
  }
  put_grey("loose.png", 1);
  EXPECT_TRUE(survey_image_folder(folder.path()).classes.empty());
}

}  // namespace
}  // namespace ztilde
