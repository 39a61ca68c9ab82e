// ztilde pack, and packed files wherever --data is.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

const TemporaryFolder& packed() {
  static const TemporaryFolder folder;
  static const bool done = [] {
    folder.write("flowers.csv", flowers());
    folder.write("houses.csv", houses());
    const auto pack = [&](const std::string& name) {
      return ztilde(folder,
                    {"pack", "--data", name + ".csv", "--out", name + ".pack", "--order", "kept", "--quiet"})
                 .exit_code == 0;
    };
    return pack("flowers") && pack("houses") &&
           ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "model"})).exit_code == 0;
  }();
  EXPECT_TRUE(done);
  return folder;
}

// The metadata says where rows came from; what is behind it are the weights.
std::string weights_of(const std::string& model) {
  std::uint64_t header = 0;
  for (int i = 7; i >= 0; --i)
    header = header << 8 | static_cast<unsigned char>(model[static_cast<std::size_t>(i)]);
  return model.substr(8 + header);
}

TEST(Pack, training_on_a_packed_file_gives_the_bits_of_training_on_its_table) {
  for (const std::string name : {"flowers", "houses"}) {
    const Result csv = ztilde(packed(), quick_train(name + ".csv", {"--quiet", "--force", "--out", "a"}));
    const Result pack = ztilde(packed(), quick_train(name + ".pack", {"--quiet", "--force", "--out", "b"}));
    ASSERT_EQ(csv.exit_code, 0) << csv.err;
    ASSERT_EQ(pack.exit_code, 0) << pack.err;
    EXPECT_GT(weights_of(packed().read("a")).size(), 100u);
    EXPECT_TRUE(weights_of(packed().read("a")) == weights_of(packed().read("b"))) << name;
  }
}

TEST(Pack, verbs_say_the_same_of_a_packed_file_as_of_its_table) {
  const std::vector<std::vector<std::string>> verbs = {{"evaluate", "model", "--json"},
                                                       {"predict", "model"},
                                                       {"doctor", "model", "--json"},
                                                       {"monitor", "model", "--json"},
                                                       {"compare", "model", "model", "--json"}};
  for (const std::vector<std::string>& verb : verbs) {
    const auto said = [&](const std::string& data) {
      std::vector<std::string> arguments = verb;
      arguments.insert(arguments.end(), {"--data", data});
      Result run = ztilde(packed(), arguments);
      EXPECT_TRUE(run.exit_code == 0 || verb[0] == "doctor" || verb[0] == "monitor")
          << verb[0] << ": " << run.err;
      for (auto at = run.out.find(data); at != run.out.npos; at = run.out.find(data))
        run.out.erase(at, data.size());
      return run.out;
    };
    const std::string of_table = said("flowers.csv");
    EXPECT_GT(of_table.size(), 50u) << verb[0];
    EXPECT_EQ(said("flowers.pack"), of_table) << verb[0];
  }
}

TEST(Pack, columns_categories_and_classes_are_found_by_their_names) {
  const TemporaryFolder folder;
  std::string train = "size,colour,kind\n", other = "colour,size,more,kind\n";
  for (int r = 0; r < 120; ++r) {
    const std::string size = std::to_string(r % 10), colour = r % 3 == 0   ? "red"
                                                              : r % 3 == 1 ? "green"
                                                                           : "azure";
    const std::string kind = r % 10 > 4 ? "large" : r % 3 == 0 ? "a small red" : "small";
    train += size + "," + colour + "," + kind + "\n";
    if (r % 3 != 2 && kind != "a small red")
      other += (r == 4 ? "pink" : colour) + "," + size + ",1," + kind + "\n";
  }
  folder.write("train.csv", train);
  folder.write("other.csv", other);
  ASSERT_EQ(ztilde(folder, quick_train("train.csv", {"--quiet", "--out", "m"})).exit_code, 0);
  ASSERT_EQ(ztilde(folder, {"pack", "--data", "other.csv", "--out", "o", "--order", "kept", "--categorical",
                            "colour", "--numeric", "more", "--quiet"})
                .exit_code,
            0);
  const auto metrics = [&](const std::string& data) {
    const Result run = ztilde(folder, {"evaluate", "m", "--data", data, "--json", "--quiet"});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    auto object = parsed(run.out);
    object.erase("data");
    return object.dump();
  };
  EXPECT_EQ(metrics("o"), metrics("other.csv"));
  const Result unseen = ztilde(folder, {"evaluate", "m", "--data", "o", "--unseen", "error"});
  EXPECT_EQ(unseen.exit_code, 2);
  EXPECT_EQ(unseen.err,
            "error: o: a category of 'colour' was not there in training; correct it, or say --unseen slot\n");
}

TEST(Pack, what_was_decided_when_packing_is_refused_by_name) {
  const auto refusal = [&](std::vector<std::string> more) {
    const Result run = ztilde(packed(), quick_train("flowers.pack", std::move(more)));
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    return run.err;
  };
  const std::string decided = " was decided when the rows were packed; leave it out, or pack them again\n";
  EXPECT_EQ(refusal({"--ignore", "width"}), "error: --ignore:" + decided);
  EXPECT_EQ(refusal({"--missing", "mean"}), "error: --missing:" + decided);
  EXPECT_EQ(refusal({"--labels", "l"}), "error: --labels:" + decided);
  EXPECT_EQ(refusal({"--task", "classify"}), "error: --task:" + decided);
  EXPECT_NE(refusal({"--target", "width"}).find("--target: does not go with a packed file"),
            std::string::npos);
  const Result other = ztilde(packed(), {"evaluate", "model", "--data", "houses.pack"});
  EXPECT_EQ(other.err.substr(0, 60), "error: houses.pack: no packed column is called 'length', whi");
  const Result twice = ztilde(packed(), {"pack", "--data", "flowers.pack", "--out", "x"});
  EXPECT_EQ(twice.err, "error: flowers.pack: is packed already; give what it was made of\n");
}

TEST(Pack, inspect_data_describes_it_and_checks_every_byte_on_request) {
  const Result words = ztilde(packed(), {"inspect-data", "flowers.pack", "--check"});
  ASSERT_EQ(words.exit_code, 0) << words.err;
  for (const char* part : {"240, in the order they had", "'species', 3 classes", "checksums   all right"})
    EXPECT_NE(words.out.find(part), std::string::npos) << words.out;
  const auto json = parsed(ztilde(packed(), {"inspect-data", "flowers.pack", "--json"}).out);
  EXPECT_EQ(json["rows"], 240);
  EXPECT_EQ(json["names"], (std::vector<std::string>{"length", "width"}));
  EXPECT_EQ(json["bytes"], std::filesystem::file_size(packed() / "flowers.pack"));
  std::string damaged = packed().read("flowers.pack");
  damaged[5000] ^= 1;
  packed().write("damaged.pack", damaged);
  EXPECT_EQ(ztilde(packed(), {"inspect-data", "damaged.pack"}).exit_code, 0);  // reads the header alone
  const Result check = ztilde(packed(), {"inspect-data", "damaged.pack", "--check"});
  EXPECT_EQ(check.exit_code, 2);
  EXPECT_EQ(check.err, "error: damaged.pack: block 0 is damaged; copy it again, or pack it again\n");
  const Result train = ztilde(packed(), quick_train("damaged.pack"));
  EXPECT_EQ(train.err, check.err);
}

TEST(Pack, images_are_packed_as_bytes) {
  const TemporaryFolder folder;
  std::string images("\0\0\x08\x03\0\0\0\x08\0\0\0\x02\0\0\0\x02", 16), labels("\0\0\x08\x01\0\0\0\x08", 8);
  for (int i = 0; i < 32; ++i) images += static_cast<char>(i * 7);
  for (int i = 0; i < 8; ++i) labels += static_cast<char>(i % 2);
  folder.write("i", images);
  folder.write("l", labels);
  const Result run =
      ztilde(folder, {"pack", "--data", "i", "--labels", "l", "--out", "p", "--order", "kept", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["cells"], "u8");
  EXPECT_EQ(folder.read("p").substr(4096, 32), images.substr(16));
}

TEST(Pack, a_killed_packing_leaves_nothing_but_the_lock_that_its_successor_takes) {
  const TemporaryFolder folder;
  std::string rows;
  for (int r = 0; r < 400000; ++r) rows += std::to_string(r) + ",2.5,0.125," + std::to_string(r % 3) + "\n";
  folder.write("t.csv", "a,b,c,kind\n" + rows);
  const std::vector<std::string> pack = {"pack", "--data",    "t.csv", "--out",
                                         "p",    "--threads", "1",     "--quiet"};
  // Once its lock is there it reads, or writes.
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    while (folder.files() < 2) ::usleep(200);
    ::usleep(5000);
    ::kill(process, SIGKILL);
  };
  const Result killed = ztilde(folder, pack, setting);
  ASSERT_EQ(killed.exit_code, 128 + SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(folder / "p"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename();
    EXPECT_TRUE(name == "t.csv" || name.ends_with(".lock")) << name;
  }
  ASSERT_EQ(ztilde(folder, pack).exit_code, 0);
  EXPECT_EQ(folder.files(), 2u);
}

TEST(Pack, memory_does_not_grow_with_the_table) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const TemporaryFolder folder;
  std::string row;
  for (int c = 0; c < 400; ++c) row += std::to_string(c % 10) + ",";
  std::ofstream file(folder / "t.csv");
  for (int c = 0; c < 400; ++c) file << "c" << c << ",";
  file << "kind\n";
  constexpr int kRows = 100000;  // of 1,600 bytes each
  for (int r = 0; r < kRows; ++r) file << row << r % 3 << "\n";
  file.close();
  const Result run = ztilde(folder, {"pack", "--data", "t.csv", "--out", "p", "--memory", "128M", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(parsed(run.out)["rows"], kRows);
  EXPECT_GT(std::filesystem::file_size(folder / "p"), 160000000u);
  EXPECT_LT(run.peak_kilobytes, 128 * 1024);
#endif
}

}  // namespace
}  // namespace ztilde::cli_test
