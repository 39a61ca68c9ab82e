// The program on images: folders of PNG and JPEG files, and IDX files in colour.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "data/image_test_support.hpp"
#include "tests/cli_test_support.hpp"
#include "tests/refusal_cases.hpp"

namespace ztilde::cli_test {
namespace {

constexpr std::size_t kSide = 6;
constexpr std::size_t kImages = 20;  // of each class
const std::vector<std::string> kClasses = {"left", "right", "top"};

// Bright in one part and dark elsewhere, with noise: [6, 6] in grey.
Bytes image_of(std::size_t kind, unsigned seed, std::size_t side = kSide) {
  std::mt19937 random(static_cast<unsigned>(kind) * 1000 + seed);
  Bytes pixels;
  for (std::size_t i = 0; i < side * side; ++i) {
    const std::size_t x = i % side, y = i / side;
    const bool bright = kind == 0 ? x < side / 2 : kind == 1 ? x >= side / 2 : y < side / 2;
    pixels.push_back(static_cast<std::uint8_t>((bright ? 150 : 30) + random() % 80));
  }
  return pixels;
}

Bytes in_colour(const Bytes& grey) {
  Bytes pixels;
  for (const std::uint8_t v : grey) pixels.insert(pixels.end(), {v, 20, static_cast<std::uint8_t>(255 - v)});
  return pixels;
}

void put(const TemporaryFolder& folder, const std::string& name, const std::string& content) {
  std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
  folder.write(name, content);
}

std::string number(std::size_t i) { return std::string(i < 10 ? "0" : "") + std::to_string(i); }

void put_images(const TemporaryFolder& folder, const std::string& name, unsigned seed, bool colour,
                std::size_t side = kSide) {
  for (std::size_t kind = 0; kind < kClasses.size(); ++kind) {
    for (std::size_t i = 0; i < kImages; ++i) {
      const Bytes grey = image_of(kind, seed + static_cast<unsigned>(i), side);
      const std::string place = name + "/" + kClasses[kind] + "/" + number(i);
      if (colour && i % 2 == 0) {
        put(folder, place + ".jpg", jpeg_file(side, side, 3, in_colour(grey)));
      } else if (colour) {
        put(folder, place + ".png", png_file(side, side, in_colour(grey), {.type = PNG_COLOR_TYPE_RGB}));
      } else {
        put(folder, place + ".png", png_file(side, side, grey));
      }
    }
  }
}

// Coloured and grey folders, and a model of each.
const TemporaryFolder& photos() {
  static const TemporaryFolder folder;
  static const bool trained = [] {
    put_images(folder, "colour", 0, true);
    put_images(folder, "test", 500, true);
    put_images(folder, "large", 900, true, 12);
    put_images(folder, "grey", 0, false);
    return ztilde(folder, quick_train("colour", {"--quiet", "--out", "m"})).exit_code == 0 &&
           ztilde(folder, quick_train("grey", {"--quiet", "--out", "g"})).exit_code == 0 &&
           ztilde(folder, quick_train("large", {"--quiet", "--out", "s", "--image-size", "6"})).exit_code ==
               0;
  }();
  EXPECT_TRUE(trained);
  return folder;
}

TEST(Images, of_a_folder_are_trained_on_and_evaluated) {
  const Result run = ztilde(photos(), {"evaluate", "m", "--data", "test", "--confusion", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto object = parsed(run.out);
  EXPECT_EQ(object["rows"], 3 * kImages);
  EXPECT_EQ(object["classes"], nlohmann::json(kClasses));
  EXPECT_GT(object["accuracy"], 0.95);
  EXPECT_EQ(object["confusion"].size(), 3u);
}

TEST(Images, say_before_training_what_they_are) {
  const Result run = ztilde(photos(), quick_train("colour", {"--out", "said"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("colour: 60 rows, 6 × 6 pixels in 3 channels"), run.err.npos) << run.err;
  EXPECT_NE(run.out.find("ztilde evaluate said --data FOLDER"), run.out.npos) << run.out;
}

TEST(Images, are_changed_in_training_as_the_options_say) {
  const Result run =
      ztilde(photos(), quick_train("grey", {"--flip", "--shift", "1", "--cutout", "2", "--out", "a"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find("augment    flip, shift 1, cutout 2\n"), run.err.npos) << run.err;
  EXPECT_NE(photos().read("a").find(R"([\"shift\",\"1\"])"), std::string::npos);
  const Result plain = ztilde(photos(), quick_train("grey", {"--out", "p"}));
  EXPECT_EQ(plain.err.find("augment"), plain.err.npos);
}

TEST(Images, are_predicted_with_their_files_names_in_a_folder_of_any_kind) {
  const TemporaryFolder& folder = photos();
  put(folder, "new/b.png", png_file(kSide, kSide, in_colour(image_of(2, 77)), {.type = PNG_COLOR_TYPE_RGB}));
  put(folder, "new/a, b.jpg", jpeg_file(kSide, kSide, 3, in_colour(image_of(1, 78))));
  put(folder, "new/grey.png", png_file(kSide, kSide, Bytes(36, 9)));
  const Result flat = ztilde(folder, {"predict", "m", "--data", "new"});
  ASSERT_EQ(flat.exit_code, 0) << flat.err;
  const std::vector<std::string> lines = lines_of(flat.out);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "file,prediction");
  EXPECT_EQ(lines[1], "\"a, b.jpg\",right");
  EXPECT_EQ(lines[2], "b.png,top");
  EXPECT_TRUE(lines[3].starts_with("grey.png,"));
  const Result classes = ztilde(folder, {"predict", "m", "--data", "test", "--probabilities"});
  ASSERT_EQ(classes.exit_code, 0) << classes.err;
  EXPECT_EQ(lines_of(classes.out).at(0), "file,prediction,left,right,top");
  EXPECT_TRUE(lines_of(classes.out).at(1).starts_with("left/00.jpg,left,")) << lines_of(classes.out)[1];
}

TEST(Images, are_resized_in_use_where_they_were_in_training_and_else_refused) {
  const TemporaryFolder& folder = photos();
  const Result resized = ztilde(folder, {"evaluate", "s", "--data", "large", "--json"});
  ASSERT_EQ(resized.exit_code, 0) << resized.err;
  EXPECT_GT(parsed(resized.out)["accuracy"], 0.95);
  const Result refused = ztilde(folder, {"evaluate", "m", "--data", "large", "--json"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(
      refused.err,
      "error: large/left/00.jpg: is 12 × 12 pixels, and images of 6 × 6 are wanted; bring all to one size "
      "with --image-size 6x6\n");
  const Result asked = ztilde(folder, {"evaluate", "m", "--data", "large", "--json", "--image-size", "6x6"});
  ASSERT_EQ(asked.exit_code, 0) << asked.err;
  EXPECT_GT(parsed(asked.out)["accuracy"], 0.95);
  EXPECT_EQ(ztilde(folder, {"evaluate", "m", "--data", "large", "--image-size", "12"}).err,
            "error: --image-size: the model takes images of 6 × 6 pixels; say 6x6, or leave it out\n");
}

TEST(Images, in_colour_are_refused_by_a_model_of_grey_ones_and_not_the_other_way_round) {
  EXPECT_EQ(ztilde(photos(), {"evaluate", "g", "--data", "test"}).err,
            "error: test/left/00.jpg: is in colour, and grey images are wanted; save it in grey\n");
  EXPECT_EQ(ztilde(photos(), {"evaluate", "m", "--data", "grey"}).exit_code, 0);
}

TEST(Images, are_validated_on_a_folder_of_their_own) {
  const Result run =
      ztilde(photos(), quick_train("colour", {"--valid", "test", "--json", "--quiet", "--out", "v"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_GT(parsed(run.out)["valid_accuracy"], 0.95);
}

// The same numbers as an IDX file of the same rows.
std::string idx_of(const std::vector<Bytes>& images, const std::vector<unsigned>& sizes) {
  std::string file = idx(sizes, 0);
  for (const Bytes& image : images) file.append(image.begin(), image.end());
  return file;
}

TEST(Images, of_a_folder_give_the_model_that_an_idx_file_of_them_gives) {
  const TemporaryFolder folder;
  std::vector<Bytes> images;
  std::string labels;
  for (std::size_t kind = 0; kind < 3; ++kind) {
    for (std::size_t i = 0; i < kImages; ++i) {
      images.push_back(in_colour(image_of(kind, static_cast<unsigned>(i))));
      labels += static_cast<char>(kind);
      put(folder, "photos/" + std::to_string(kind) + "/" + number(i),
          png_file(kSide, kSide, images.back(), {.type = PNG_COLOR_TYPE_RGB}));
    }
  }
  folder.write("labels", idx({60}, 0) + labels);
  folder.write("last", idx_of(images, {60, kSide, kSide, 3}));
  for (Bytes& image : images) {
    Bytes planes;
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = c; i < image.size(); i += 3) planes.push_back(image[i]);
    }
    image = planes;
  }
  folder.write("first", idx_of(images, {60, 3, kSide, kSide}));
  ASSERT_EQ(ztilde(folder, quick_train("photos", {"--quiet", "--out", "a"})).exit_code, 0);
  ASSERT_EQ(ztilde(folder, quick_train("last", {"--quiet", "--out", "b", "--labels", "labels"})).exit_code,
            0);
  ASSERT_EQ(ztilde(folder, quick_train("first", {"--quiet", "--out", "c", "--labels", "labels"})).exit_code,
            0);
  EXPECT_EQ(folder.read("a"), folder.read("b"));
  EXPECT_EQ(folder.read("a"), folder.read("c"));
  const Result predicted = ztilde(folder, {"predict", "a", "--data", "first"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  EXPECT_EQ(lines_of(predicted.out).size(), 61u);
  folder.write("other", idx({4, 9, 4, 3}, 432));
  EXPECT_EQ(ztilde(folder, {"predict", "a", "--data", "other"}).err,
            "error: the images are 4 × 9 pixels, the model takes 6 × 6; bring them to that size\n");
}

TEST(InspectData, tells_the_sizes_channels_and_classes_of_images) {
  const TemporaryFolder& folder = photos();
  put(folder, "mixed/b/1.png", png_file(3, 2, Bytes(6, 1)));
  put(folder, "mixed/b/2.png", png_file(3, 2, in_colour(Bytes(6, 1)), {.type = PNG_COLOR_TYPE_RGB}));
  put(folder, "mixed/a/1.png", png_file(4, 2, Bytes(8, 1)));
  put(folder, "mixed/a/2.png", "GIF89a");
  const Result run = ztilde(folder, {"inspect-data", "mixed"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            "mixed: 3 images\n"
            "pixels      2 sizes (give train --image-size to have one): 3 × 2 2, 4 × 2 1\n"
            "channels    3; 2 are grey\n"
            "unreadable  1; the first: mixed/a/2.png: is a GIF image, and only PNG and JPEG\n"
            "            are read; convert it\n"
            "classes     2\n"
            "\n"
            "a  2\n"
            "b  2\n");
  const auto object = parsed(ztilde(folder, {"inspect-data", "mixed", "--json"}).out);
  EXPECT_EQ(object["images"], 3);
  EXPECT_EQ(object["grey"], 2);
  EXPECT_EQ(object["channels"], 3);
  EXPECT_EQ(object["unreadable"], 1);
  EXPECT_EQ(object["sizes"][0], nlohmann::json({{"width", 3}, {"height", 2}, {"count", 2}}));
  folder.write("idx", idx({6, 2, 4}, 48));
  folder.write("idx-labels", idx({6}, 6));
  EXPECT_EQ(ztilde(folder, {"inspect-data", "idx", "--labels", "idx-labels"}).out,
            "idx: 6 images\n"
            "pixels      all of 4 × 2 pixels\n"
            "channels    1, all are grey\n"
            "classes     3\n"
            "\n"
            "0  2\n"
            "1  2\n"
            "2  2\n");
}

}  // namespace
}  // namespace ztilde::cli_test
