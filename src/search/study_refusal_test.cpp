// Files that are no study, or no whole one.
#include <gtest/gtest.h>

#include "search/sqlite.hpp"
#include "search/study_test_support.hpp"

namespace ztilde::search {
namespace {

std::string study_bytes(const TemporaryFolder& folder) {
  (void)unbroken(folder, some_plan({1, 3}), 6);
  return folder.read("unbroken.study");
}

std::string refusal(const TemporaryFolder& folder, const std::string& name) {
  const std::string reading = failure(folder, [&] { (void)read_study(folder / name); });
  EXPECT_EQ(failure(folder, [&] { (void)Study::open(folder / name); }), reading);
  return reading;
}

TEST(StudyRefusal, what_is_no_study_is_refused_and_stays_as_it_is) {
  const TemporaryFolder folder;
  const std::string no_study = ": is no study; give a file that ztilde search made";
  folder.write(
      "text",
      "not a database at all, but long enough to have had a header of a hundred bytes if it were one");
  EXPECT_EQ(refusal(folder, "text"), "data: text" + no_study);
  folder.write("empty", "");
  EXPECT_EQ(refusal(folder, "empty"), "data: empty" + no_study);
  EXPECT_EQ(folder.read("empty"), "");
  Database(folder / "other", Access::create).run("CREATE TABLE study (plan TEXT)");
  EXPECT_EQ(refusal(folder, "other"), "data: other" + no_study);
  EXPECT_EQ(refusal(folder, "missing"), "io: missing: there is no such file; give a study");
  EXPECT_FALSE(std::filesystem::exists(folder / "missing"));
  std::filesystem::create_directory(folder / "folder");
  EXPECT_EQ(refusal(folder, "folder"), "data: folder: is a folder; give a study");
}

TEST(StudyRefusal, another_format_is_refused) {
  const TemporaryFolder folder;
  folder.write("a.study", study_bytes(folder));
  Database(folder / "a.study", Access::write).run("PRAGMA user_version = 2");
  EXPECT_EQ(
      refusal(folder, "a.study"),
      "data: a.study: is a study of format 2, and this ztilde knows format 1; use the ztilde that made it");
}

TEST(StudyRefusal, create_never_takes_a_files_place) {
  const TemporaryFolder folder;
  for (const char* name : {"a.study", "b.study"})
    folder.write(name, name == std::string("a.study") ? "words" : "");
  for (const char* name : {"a.study", "b.study"}) {
    EXPECT_EQ(failure(folder, [&] { (void)Study::create(folder / name, some_plan(), 1); }).substr(0, 5),
              "data:");
  }
  EXPECT_EQ(folder.read("a.study"), "words");
  EXPECT_EQ(folder.read("b.study"), "");
  EXPECT_EQ(folder.files(), 2u);
  EXPECT_EQ(
      failure(folder, [&] { (void)Study::create(folder / "no/where.study", some_plan(), 1); }).substr(0, 3),
      "io:");
}

TEST(StudyRefusal, rows_that_cannot_be_are_damage) {
  const TemporaryFolder folder;
  const std::string bytes = study_bytes(folder);
  for (const char* change :
       {"DELETE FROM study", "DELETE FROM trials WHERE number = 2", "UPDATE trials SET options = '[[1]]'",
        "UPDATE trials SET seed = 'x'", "UPDATE study SET plan = '{}'",
        "INSERT INTO points (trial, epoch) VALUES (99, 1)",
        "UPDATE study SET plan = replace(plan, 'choice', 'chance')", "DROP TABLE folds",
        "UPDATE study SET plan = replace(plan, '\"reduction\":3', '\"reduction\":0')",
        "PRAGMA ignore_check_constraints = 1; UPDATE trials SET state = 'odd'"}) {
    folder.write("a.study", bytes);
    Database(folder / "a.study", Access::write).run(change);
    const std::string words = failure(folder, [&] { (void)read_study(folder / "a.study"); });
    EXPECT_EQ(words.substr(0, 27), "data: a.study: is damaged (") << change << ": " << words;
  }
}

TEST(StudyRefusal, a_file_cut_short_is_an_error_line) {
  const TemporaryFolder folder;
  const std::string bytes = study_bytes(folder);
  for (std::size_t size = 1; size < bytes.size(); size += 1 + size / 3) {
    folder.write("a.study", bytes.substr(0, size));
    EXPECT_NE(failure(folder, [&] { (void)read_study(folder / "a.study"); }), "no error") << size;
  }
}

TEST(StudyRefusal, a_damaged_file_is_read_or_an_error_line) {
  const TemporaryFolder folder;
  const std::string bytes = study_bytes(folder);
  const RandomStream random(3, Purpose::probe, 0, 0);
  int refused = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    std::string damaged = bytes;
    for (std::uint64_t k = 0; k < 8; ++k)
      damaged[random.below(static_cast<std::uint32_t>(damaged.size()), 32 * i + 2 * k)] =
          static_cast<char>(random.bits(32 * i + 2 * k + 1));
    folder.write("a.study", damaged);
    const std::string words = failure(folder, [&] { (void)read_study(folder / "a.study"); });
    EXPECT_EQ(words.find('\n'), words.npos);
    refused += words != "no error";
    std::filesystem::remove(folder / "a.study-wal");
    std::filesystem::remove(folder / "a.study-shm");
  }
  EXPECT_GT(refused, 30);
}

TEST(StudyRefusal, a_study_in_a_folder_that_nobody_may_write_is_read) {
  const TemporaryFolder folder;
  (void)study_bytes(folder);
  const auto only_read = std::filesystem::perms(0555);
  std::filesystem::permissions(folder.path(), only_read);
  const pid_t reader = start_process([&] {
    constexpr uid_t kNobody = 65534;  // root may write everywhere
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    ::_exit(read_study(folder / "unbroken.study").trials.size() == 6 ? 0 : 3);
  });
  EXPECT_EQ(end_of(reader), 0);
  std::filesystem::permissions(folder.path(), std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace ztilde::search
