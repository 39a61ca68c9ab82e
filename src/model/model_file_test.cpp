#include "model/model_file.hpp"

#include <unistd.h>

#include <bit>
#include <filesystem>

#include "base/files.hpp"
#include "model/model_file_test_support.hpp"

namespace ztilde::model_file {
namespace {

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("ztilde_model_file_test_{}", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

TEST(ModelFile, a_loaded_model_is_the_saved_one_bit_for_bit) {
  const Folder folder;
  const Model model = small_model();
  save(model, folder.file("m.zt"));
  const Model back = load(folder.file("m.zt"));
  expect_same(model, back);
  EXPECT_TRUE(std::signbit(back.parameters[0]));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(back.parameters[1]), 1u);
}

TEST(ModelFile, a_regression_on_bytes_with_running_statistics_and_no_validation_survives) {
  Model model;
  model.network = {2, {Dense{1, true}}};
  model.parameters.assign(parameter_arena_size(model.network), 0.0f);
  model.parameters[0] = 0.1f;
  model.task = Task::regress;
  model.statistics_source = StatisticsSource::running;
  model.training.valid_loss = kNaN;
  Model back = from_bytes(to_bytes(model, "m.zt"), "m.zt");
  EXPECT_TRUE(std::isnan(back.training.valid_loss));
  back.training.valid_loss = model.training.valid_loss = 0;
  expect_same(model, back);
}

TEST(ModelFile, the_shape_of_images_survives) {
  Model model;
  model.network = {6, {Dense{1, true}}};
  model.parameters.assign(parameter_arena_size(model.network), 0.0f);
  model.task = Task::regress;
  model.image_width = 1;
  model.image_height = 2;
  model.images_resized = true;
  EXPECT_EQ(to_metadata(model).at("image"), R"({"height":2,"width":1,"channels":3,"resized":true})");
  expect_same(from_bytes(to_bytes(model, "m.zt"), "m.zt"), model);
  model.image_width = 4;
  EXPECT_EQ(message_of([&] { (void)to_bytes(model, "m.zt"); }),
            "m.zt: this model cannot be saved: images of 4 × 2 pixels are not 6 numbers, which the network "
            "takes; train or export the model "
            "anew");
}

TEST(ModelFile, saving_a_loaded_model_gives_the_same_bytes) {
  const std::string content = to_bytes(small_model(), "m.zt");
  EXPECT_EQ(to_bytes(from_bytes(content, "m.zt"), "m.zt"), content);
  EXPECT_EQ(to_bytes(small_model(), "other.zt"), content);
}

TEST(ModelFile, tensors_are_those_of_the_torch_sequential) {
  const std::string content = to_bytes(small_model(), "m.zt");
  std::string listing;
  for (const safetensors::Tensor& tensor : safetensors::read(content, "m.zt").tensors) {
    listing += fmt::format("{} {} [{}]\n", tensor.name, safetensors::to_string(tensor.dtype),
                           fmt::join(tensor.shape, ", "));
  }
  EXPECT_EQ(listing,
            "0.running_mean F64 [3]\n0.running_var F64 [3]\n0.num_batches_tracked I64 []\n"
            "2.running_mean F64 [2]\n2.running_var F64 [2]\n2.num_batches_tracked I64 []\n"
            "1.weight F32 [2, 3]\n2.weight F32 [2]\n2.bias F32 [2]\n5.weight F32 [3, 2]\n5.bias F32 [3]\n");
}

TEST(ModelFile, a_convolutions_weight_has_the_four_dimensions_of_torch) {
  Model model;
  model.network = {4 * 4 * 2,
                   {Conv2d{3, 3, 1, 1, false, false}, Conv2d{3, 2, 2, 0, true, true}, Flatten{}, Dense{1}},
                   4,
                   4};
  model.parameters.assign(parameter_arena_size(model.network), 0.5f);
  model.task = Task::regress;
  std::string listing;
  const std::string content = to_bytes(model, "m.zt");
  for (const safetensors::Tensor& tensor : safetensors::read(content, "m.zt").tensors) {
    listing += fmt::format("{} [{}]\n", tensor.name, fmt::join(tensor.shape, ", "));
  }
  EXPECT_EQ(listing,
            "0.weight [3, 2, 3, 3]\n1.weight [3, 1, 2, 2]\n1.bias [3]\n3.weight [1, 12]\n3.bias [1]\n");
}

// Written before there were networks of images.
TEST(ModelFile, older_files_are_read_and_written_byte_for_byte) {
  for (const std::string name : {"classify", "regress"}) {
    const std::string content = read_file(ZTILDE_SOURCE_DIR "/fuzz/seeds/model_file/" + name);
    EXPECT_EQ(to_bytes(from_bytes(content, "m.zt"), "m.zt"), content) << name;
  }
}

TEST(ModelFile, conventions_say_what_pytorch_calls_momentum) {
  EXPECT_EQ(to_metadata(small_model()).at("conventions"),
            R"({"2":{"epsilon":0.001,"keep":0.9,"pytorch_momentum":0.1,"running_variance":"unbiased"}})");
}

TEST(ModelFile, float_statistics_are_accepted) {
  const std::string means = bytes_of(0.5f, -0.25f);
  const std::string content = changed([&](safetensors::File& file) {
    named(file, "2.running_mean").dtype = safetensors::Dtype::f32;
    named(file, "2.running_mean").bytes = means;
    file.metadata["test_rows"] = R"({"inputs":"","outputs":""})";
  });
  const Model model = from_bytes(content, "m.zt");
  EXPECT_EQ(model.statistics[6], 0.5);
  EXPECT_EQ(model.statistics[7], -0.25);
}

TEST(ModelFile, every_flipped_bit_is_refused) {
  const std::string content = to_bytes(small_model(), "m.zt");
  for (std::size_t bit = 0; bit < 8 * content.size(); ++bit) {
    std::string damaged = content;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    EXPECT_THROW((void)from_bytes(damaged, "m.zt"), Error) << "bit " << bit;
  }
}

TEST(ModelFile, every_truncation_and_every_addition_is_refused) {
  const std::string content = to_bytes(small_model(), "m.zt");
  for (std::size_t size = 0; size < content.size(); ++size) {
    EXPECT_THROW((void)from_bytes(content.substr(0, size), "m.zt"), Error) << size << " bytes";
  }
  EXPECT_THROW((void)from_bytes(content + '\0', "m.zt"), Error);
  EXPECT_THROW((void)from_bytes(content + ' ', "m.zt"), Error);
}

TEST(ModelFile, a_checksum_in_capitals_is_refused) {
  std::string content = to_bytes(small_model(), "m.zt");
  const std::size_t digits = content.find("crc32:") + 6;
  // Add a column name until a letter is among the digits.
  Model model = small_model();
  while (content.substr(digits, 8).find_first_of("abcdef") == std::string::npos) {
    model.target_name += "x";
    content = to_bytes(model, "m.zt");
  }
  char& letter = content[content.find_first_of("abcdef", digits)];
  letter = static_cast<char>(letter - 'a' + 'A');
  expect_refused(content, "the file is damaged (its checksum does not fit)");
}

TEST(ModelFile, a_users_text_that_looks_like_the_checksum_does_no_harm) {
  Model model = small_model();
  model.classes = {"\"checksum\":\"crc32:12345678\"", "crc32:00000000", "\\"};
  expect_same(from_bytes(to_bytes(model, "m.zt"), "m.zt"), model);
}

TEST(ModelFile, damage_is_told_as_damage) {
  std::string content = to_bytes(small_model(), "m.zt");
  content.back() = static_cast<char>(content.back() ^ 1);
  EXPECT_EQ(load_message(content),
            "m.zt: the file is damaged (its checksum does not fit); copy it again or make it anew");
}

TEST(ModelFile, a_directory_is_told_to_be_one) {
  const Folder folder;
  try {
    (void)load(folder.file(""));
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("not a ztilde model (it is a directory); "), std::string::npos);
  }
}

TEST(ModelFile, a_missing_file_is_an_io_error) {
  const Folder folder;
  try {
    (void)load(folder.file("none.zt"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::io);
  }
}

TEST(ModelFile, a_refused_model_leaves_the_old_file_as_it_was) {
  const Folder folder;
  const std::string path = folder.file("m.zt");
  save(small_model(), path);
  Model broken = small_model();
  broken.parameters[0] = kNaN;
  EXPECT_THROW(save(broken, path), Error);
  expect_same(load(path), small_model());
}

}  // namespace
}  // namespace ztilde::model_file
