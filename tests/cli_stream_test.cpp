// ztilde train --memory: rows of a packed file that stay on disk.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/cli_test_support.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::cli_test {
namespace {

// Classes that show in the first columns; the others are wide enough for few rows to be large.
Dataset wide_rows(std::size_t rows, std::size_t columns) {
  Dataset data;
  data.rows = rows;
  data.columns = columns;
  data.target_name = "kind";
  data.classes = {"x", "y", "z"};
  for (std::size_t c = 0; c < columns; ++c) data.column_names.push_back("c" + std::to_string(c));
  data.floats.resize(rows * columns);
  std::uint32_t state = 7;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      state = state * 1664525u + 1013904223u;
      data.floats[r * columns + c] =
          static_cast<float>(state >> 16) / 32768 - 1 + (c < 30 ? static_cast<float>(r % 3) : 0);
    }
    data.targets.push_back(static_cast<float>(r % 3));
  }
  return data;
}

const TemporaryFolder& wide() {
  static const TemporaryFolder folder;
  static const bool done = [] {
    // Apart, so that the programs that are started later do not begin with the memory of these rows.
    const pid_t child = ::fork();
    if (child == 0) {
      pack_rows(wide_rows(60000, 1000), folder / "wide.pack", {.order = PackOrder::kept});
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    folder.write("flowers.csv", flowers());
    return status == 0;
  }();
  EXPECT_TRUE(done);
  return folder;
}

std::vector<std::string> train_wide(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"train", "--data", "wide.pack", "--hidden",
                                        "8",     "--out",  "m",         "--force"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Stream, a_file_of_several_times_the_memory_trains_within_it) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitisers take memory of their own";
#endif
  const std::uintmax_t size = std::filesystem::file_size(wide() / "wide.pack");
  ASSERT_GT(size, std::uintmax_t{96} * 1024 * 1024 * 9 / 4);
  const Result run = ztilde(wide(), train_wide({"--memory", "96M", "--epochs", "1", "--report", "r.html"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_LT(run.peak_kilobytes, 96 * 1024);
  EXPECT_NE(run.err.find("read from disk, shuffled in windows of up to 6,"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("held out in whole blocks"), std::string::npos) << run.err;
  const Result said = ztilde(wide(), {"inspect", "m", "--json"});
  EXPECT_EQ(said.exit_code, 0) << said.err;
}

TEST(Stream, a_file_that_was_cut_is_an_error_of_data_that_names_a_block) {
  const TemporaryFolder folder;
  std::filesystem::copy_file(wide() / "wide.pack", folder / "wide.pack");
  ASSERT_EQ(::truncate((folder / "wide.pack").c_str(), 100'000'000), 0);
  const Result cut = ztilde(folder, train_wide({"--memory", "96M", "--epochs", "1", "--quiet"}));
  EXPECT_EQ(cut.exit_code, 2) << cut.err;
  EXPECT_EQ(lines_of(cut.err).size(), 1u) << cut.err;
  std::filesystem::remove(folder / "wide.pack");
  std::filesystem::copy_file(wide() / "wide.pack", folder / "wide.pack");
  Setting setting;
  // Any time will do: nothing is read twice before the first epoch is over.
  setting.meanwhile = [&](pid_t) {
    for (int i = 0; i < 10000 && !std::filesystem::exists(folder / "c"); ++i) ::usleep(1000);
    EXPECT_EQ(::truncate((folder / "wide.pack").c_str(), 100'000'000), 0);
  };
  const Result meanwhile = ztilde(folder,
                                  train_wide({"--memory", "96M", "--quiet", "--checkpoint", "c",
                                              "--checkpoint-every", "5", "--epochs", "1000"}),
                                  setting);
  EXPECT_EQ(meanwhile.exit_code, 2) << meanwhile.err;
  EXPECT_NE(meanwhile.err.find("wide.pack: changed while block "), std::string::npos) << meanwhile.err;
  EXPECT_TRUE(std::filesystem::exists(folder / "c"));
}

TEST(Stream, memory_is_for_packed_files_and_what_can_be_trained_from_them) {
  const Result table = ztilde(wide(), quick_train("flowers.csv", {"--memory", "1G", "--out", "n"}));
  EXPECT_NE(table.err.find("--memory: given with rows that are not packed"), std::string::npos) << table.err;
  const Result folds = ztilde(wide(), train_wide({"--memory", "96M", "--folds", "3"}));
  EXPECT_NE(folds.err.find("--folds"), std::string::npos) << folds.err;
  EXPECT_NE(folds.exit_code, 0);
  const Result little = ztilde(wide(), train_wide({"--memory", "1M"}));
  EXPECT_NE(little.err.find("--memory"), std::string::npos) << little.err;
  EXPECT_NE(little.exit_code, 0);
}

TEST(Stream, a_model_goes_on_from_disk_and_a_file_that_fits_gives_the_bits_of_memory) {
  ASSERT_EQ(
      ztilde(wide(), {"pack", "--data", "flowers.csv", "--out", "f.pack", "--force", "--quiet"}).exit_code,
      0);
  const auto weights = [&](std::vector<std::string> more, const std::string& out) {
    more.insert(more.end(), {"--out", out, "--quiet", "--force"});
    EXPECT_EQ(ztilde(wide(), quick_train("f.pack", more)).exit_code, 0);
    const std::string model = wide().read(out);
    return model.substr(model.size() - 500);
  };
  EXPECT_TRUE(weights({}, "a") == weights({"--memory", "1G"}, "b"));
  ASSERT_EQ(ztilde(wide(), train_wide({"--memory", "96M", "--epochs", "1", "--quiet"})).exit_code, 0);
  const Result more = ztilde(wide(), {"train", "--from", "m", "--data", "wide.pack", "--memory", "96M",
                                      "--epochs", "1", "--out", "m2", "--force", "--json", "--quiet"});
  ASSERT_EQ(more.exit_code, 0) << more.err;
  EXPECT_GT(parsed(more.out)["valid_accuracy"].get<double>(), 0.9);
}

}  // namespace
}  // namespace ztilde::cli_test
