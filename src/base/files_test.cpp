#include "base/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "base/test_support.hpp"

namespace ztilde {
namespace {

namespace fs = std::filesystem;

std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string zipped(deflateBound(&stream, text.size()), '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(zipped.data());
  stream.avail_out = static_cast<uInt>(zipped.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  zipped.resize(stream.total_out);
  deflateEnd(&stream);
  return zipped;
}

// Text that does not shrink to nothing.
std::string varied(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t state = 1;
  for (char& c : text) c = static_cast<char>('a' + ((state = state * 1664525u + 1013904223u) >> 28));
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(ReadFile, gives_the_bytes_of_files_of_any_size) {
  const TemporaryFolder folder;
  for (const std::size_t size : {0u, 1u, 2u, 262143u, 262144u, 262145u, 3000000u}) {
    const std::string text = varied(size);
    EXPECT_EQ(read_file(folder.write("plain", text)), text) << size;
  }
}

TEST(ReadFile, unzips_one_or_more_gzip_members_and_ignores_zero_padding) {
  const TemporaryFolder folder;
  const std::string large = varied(3000000), zeros(5000000, '0');
  EXPECT_EQ(read_file(folder.write("a", gzipped(large))), large);
  EXPECT_EQ(read_file(folder.write("a", gzipped(zeros))), zeros);
  EXPECT_EQ(read_file(folder.write("a", gzipped(""))), "");
  EXPECT_EQ(read_file(folder.write("a", gzipped("one ") + gzipped("") + gzipped("two"))), "one two");
  EXPECT_EQ(read_file(folder.write("a", gzipped(large) + gzipped("two"))), large + "two");
  EXPECT_EQ(read_file(folder.write("a", gzipped("one") + std::string(1000, '\0'))), "one");
}

TEST(ReadFile, says_that_a_gzip_file_is_truncated_wherever_it_ends) {
  const TemporaryFolder folder;
  const std::string zipped = gzipped("one") + gzipped(varied(1000));
  const std::size_t first = gzipped("one").size();
  for (std::size_t size = 2; size < zipped.size(); ++size) {
    if (size == first) continue;
    EXPECT_EQ(failure(folder, [&] { read_file(folder.write("a.gz", zipped.substr(0, size))); }),
              "data: a.gz: its gzip data end too early (truncated); copy or download it again")
        << size;
  }
}

TEST(ReadFile, says_that_gzip_data_are_damaged) {
  const TemporaryFolder folder;
  std::string zipped = gzipped(varied(1000));
  const std::string message = "data: a.gz: its gzip data are damaged; copy or download it again";
  EXPECT_EQ(failure(folder, [&] { read_file(folder.write("a.gz", zipped + "rest")); }), message);
  zipped[zipped.size() - 6] ^= 1;  // in the checksum
  EXPECT_EQ(failure(folder, [&] { read_file(folder.write("a.gz", zipped)); }), message);
}

TEST(ReadFile, refuses_what_is_no_readable_file) {
  const TemporaryFolder folder;
  EXPECT_EQ(failure(folder, [&] { read_file(folder / "absent"); }),
            "io: absent: no such file; check the name");
  EXPECT_EQ(failure(folder, [&] { read_file(folder / "new\nline"); }),
            "io: new\\nline: no such file; check the name");
  ASSERT_TRUE(fs::create_directory(folder / "dir"));
  EXPECT_EQ(failure(folder, [&] { read_file(folder / "dir"); }), "io: dir: is a folder; name a file in it");
  EXPECT_EQ(failure(folder, [&] { read_file("/dev/zero"); }), "io: /dev/zero: is a device; name a file");
  EXPECT_EQ(read_file("/dev/null"), "");
  const std::string secret = folder.write("secret", "text");
  ASSERT_EQ(::chmod(secret.c_str(), 0), 0);
  if (::access(secret.c_str(), R_OK) == 0) return;  // root reads everything
  EXPECT_EQ(failure(folder, [&] { read_file(secret); }),
            "io: secret: cannot be read (Permission denied); check the file");
}

TEST(ReadFile, reads_a_pipe_to_its_end) {
  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe", text = varied(1000000);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { write_file_atomically(pipe, text); });
  EXPECT_EQ(read_file(pipe), text);
  writer.join();
}

TEST(ReadFile, reads_standard_input_and_leaves_it_open) {
  const TemporaryFolder folder;
  const int saved = ::dup(STDIN_FILENO);
  const int input = ::open(folder.write("in", gzipped("from stdin")).c_str(), O_RDONLY);
  ASSERT_EQ(::dup2(input, STDIN_FILENO), STDIN_FILENO);
  EXPECT_EQ(read_file("-"), "from stdin");
  EXPECT_EQ(read_file("-"), "");
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(input);
}

TEST(WriteFile, makes_or_replaces_the_file_and_leaves_nothing_else) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  for (const std::size_t size : {5u, 3000000u, 0u}) {
    const std::string text = varied(size);
    write_file_atomically(path, text);
    EXPECT_EQ(folder.read("out"), text);
    EXPECT_EQ(folder.files(), 1u);
  }
}

TEST(WriteFile, keeps_the_mode_of_a_file_it_replaces_and_the_umask_for_a_new_one) {
  const TemporaryFolder folder;
  const mode_t saved = ::umask(027);
  write_file_atomically(folder / "new", "text");
  EXPECT_EQ(mode_of(folder / "new"), 0640u);
  const std::string old = folder.write("old", "old");
  ASSERT_EQ(::chmod(old.c_str(), 0606), 0);
  write_file_atomically(old, "text");
  EXPECT_EQ(mode_of(old), 0606u);
  ::umask(saved);
}

TEST(WriteFile, follows_symbolic_links_that_lead_somewhere_or_not_yet) {
  const TemporaryFolder folder;
  ASSERT_TRUE(fs::create_directory(folder / "dir"));
  folder.write("dir/file", "old");
  fs::create_symlink("dir/file", folder / "second");
  fs::create_symlink(folder / "second", folder / "first");
  write_file_atomically(folder / "first", "new");
  EXPECT_EQ(folder.read("dir/file"), "new");
  EXPECT_TRUE(fs::is_symlink(folder / "first"));
  EXPECT_TRUE(fs::is_symlink(folder / "second"));

  fs::create_symlink("dir/later", folder / "dangling");
  write_file_atomically(folder / "dangling", "made");
  EXPECT_EQ(folder.read("dir/later"), "made");
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
}

TEST(WriteFile, writes_through_to_a_device) {
  write_file_atomically("/dev/null", "text");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(WriteFile, refuses_what_cannot_be_replaced) {
  const TemporaryFolder folder;
  ASSERT_TRUE(fs::create_directory(folder / "dir"));
  fs::create_symlink("loop", folder / "loop");
  const auto refusal = [&](const std::string& path) {
    return failure(folder, [&] { write_file_atomically(path, "text"); });
  };
  EXPECT_EQ(refusal(folder / "dir"), "io: dir: is a folder; name a file in it");
  EXPECT_EQ(refusal(folder / "new/"), "io: new/: is a folder; name a file in it");
  EXPECT_EQ(refusal(folder / "none/out"),
            "io: none/out: cannot be written (No such file or directory); nothing was changed");
  EXPECT_EQ(refusal(folder / "loop"),
            "io: loop: cannot be written (Too many levels of symbolic links); choose another name");
  EXPECT_EQ(refusal(""), "io: an empty file name; name the file to write");
  EXPECT_EQ(folder.files(), 2u);
}

// A file size limit stands in for a full disk.
TEST(WriteFile, leaves_the_old_file_and_no_temporary_when_the_disk_is_full) {
  const TemporaryFolder folder;
  const std::string path = folder.write("out", "old");
  rlimit saved{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, saved.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string found = failure(folder, [&] { write_file_atomically(path, varied(5000)); });
  ::setrlimit(RLIMIT_FSIZE, &saved);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(found, "io: out: cannot be written (File too large); nothing was changed");
  EXPECT_EQ(folder.read("out"), "old");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(WriteFile, refuses_a_folder_and_a_file_without_write_permission) {
  const TemporaryFolder folder;
  ASSERT_TRUE(fs::create_directory(folder / "dir"));
  const std::string locked = folder.write("locked", "old");
  ASSERT_EQ(::chmod(locked.c_str(), 0444), 0);
  ASSERT_EQ(::chmod((folder / "dir").c_str(), 0555), 0);
  if (::access(locked.c_str(), W_OK) == 0) GTEST_SKIP() << "root writes everything";
  const std::string denied = "cannot be written (Permission denied); ";
  EXPECT_EQ(failure(folder, [&] { write_file_atomically(locked, "new"); }),
            "io: locked: " + denied + "choose another name");
  EXPECT_EQ(failure(folder, [&] { write_file_atomically(folder / "dir/out", "new"); }),
            "io: dir/out: " + denied + "nothing was changed");
  EXPECT_EQ(failure(folder, [&] { require_writable(folder / "dir/out", true); }),
            "io: dir/out: its folder dir cannot be written (Permission denied); choose another folder");
}

TEST(RequireWritable, says_beforehand_what_would_fail_and_creates_nothing) {
  const TemporaryFolder folder;
  const std::string old = folder.write("old", "text");
  fs::create_symlink("none/later", folder / "dangling");
  const auto refusal = [&](const std::string& path, bool overwrite) {
    return failure(folder, [&] { require_writable(path, overwrite); });
  };
  EXPECT_EQ(refusal(old, false),
            "data: old: exists already; choose another name, or overwrite it with --force");
  EXPECT_EQ(refusal(old, true), "no error");
  EXPECT_EQ(refusal(folder / "new", false), "no error");
  EXPECT_EQ(refusal("/dev/null", false), "no error");
  EXPECT_EQ(
      refusal(folder / "none/new", true),
      "io: none/new: its folder none cannot be used (No such file or directory); make the folder first");
  EXPECT_EQ(
      refusal(folder / "dangling", true),
      "io: dangling: its folder none cannot be used (No such file or directory); make the folder first");
  EXPECT_EQ(refusal(old + "/new", true),
            "io: old/new: cannot be written (Not a directory); choose another name");
  EXPECT_EQ(refusal(folder.path(), true).substr(0, 4), "io: ");
  EXPECT_EQ(folder.files(), 2u);
  EXPECT_EQ(folder.read("old"), "text");
}

TEST(WriteFiles, replaces_all_or_none) {
  const TemporaryFolder folder;
  folder.write("a", "old a");
  const FileContent both[] = {{folder / "a", "new a"}, {folder / "b", "new b"}};
  write_files_atomically(both);
  EXPECT_EQ(folder.read("a"), "new a");
  EXPECT_EQ(folder.read("b"), "new b");

  const FileContent half[] = {{folder / "a", "newer a"}, {folder / "missing/b", "newer b"}};
  EXPECT_NE(failure(folder, [&] { write_files_atomically(half); }).find("cannot be written"),
            std::string::npos);
  EXPECT_EQ(folder.read("a"), "new a");
  EXPECT_EQ(folder.files(), 2u);
}

}  // namespace
}  // namespace ztilde
