// Reading whole files and replacing files so that a reader sees the old one or the new one.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ztilde {

// The bytes of a file, unzipped where it is a gzip file. "-" is standard input.
// Throws Error(io) for what cannot be read (missing, a directory, no permission), naming it.
std::string read_file(const std::string& path);

// Writes a temporary in the same folder, fsyncs it, renames it over `path`, fsyncs the folder.
// On any failure nothing is left behind, an old file at `path` is as it was, and Error(io) says
// what failed. Follows a symbolic link at `path`, keeps the mode of a file it replaces.
void write_file_atomically(const std::string& path, std::string_view content);

// Throws Error when write_file_atomically(path) could not work (its folder is missing or not
// writable, path is a directory) or when path exists and overwrite is false. Creates nothing.
void require_writable(const std::string& path, bool overwrite);

}  // namespace ztilde
