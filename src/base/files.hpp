// Reading whole files and replacing files so that a reader sees the old one or the new one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ztilde {

// A path as messages show it: on one line, and "-" as standard input.
std::string shown_path(const std::string& path);

// The bytes of a file, unzipped where it is a gzip file. "-" is standard input.
// Throws what ByteStream throws, and Error(data) for more bytes than this machine has memory.
std::string read_file(const std::string& path);

// Writes a temporary in the same folder, fsyncs it, renames it over `path`, fsyncs the folder.
// On any failure nothing is left behind, an old file at `path` is as it was, and Error(io) says
// what failed. Follows a symbolic link at `path`, keeps the mode of a file it replaces. A pipe or
// device at `path` is written to instead.
void write_file_atomically(const std::string& path, std::string_view content);
// The same for a file in parts, one after another.
void write_file_atomically(const std::string& path, std::span<const std::string_view> parts);

// Several files that belong together: all are on disk before the first takes its place, so that what fails
// leaves all old ones as they were.
struct FileContent {
  std::string path;
  std::string_view content;
};
void write_files_atomically(std::span<const FileContent> files);

// The name of a temporary: kTemporaryStart, the writer's process id, "-", a number, kTemporaryEnd.
inline constexpr std::string_view kTemporaryStart = ".ztilde-", kTemporaryEnd = ".tmp";
// Where a write to `path` ends up: the end of a chain of symbolic links, which need not exist.
std::string link_target(const std::string& path);
// "." for a bare name.
std::string folder_of(const std::string& path);

// Throws Error when write_file_atomically(path) could not work (its folder is missing or not
// writable, path is a directory) or when path exists and overwrite is false. Creates nothing.
void require_writable(const std::string& path, bool overwrite);

}  // namespace ztilde
