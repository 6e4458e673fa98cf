#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

// One file. Blocks: for the control thread.
namespace sluice::config {

// The bytes of a file. Error: what there is to say of it, "cannot be read: No such file or directory".
[[nodiscard]] std::expected<std::string, std::string> read_file(const std::string& path, std::size_t bytes_max);

// The same for a file with a secret, without the end of its last line. Only regular files: nothing to wait for.
[[nodiscard]] std::expected<std::string, std::string> read_secret_file(const std::string& path);

// `path`, if it is relative, from the folder of `file`.
[[nodiscard]] std::string beside(const std::string& file, std::string_view path);

}  // namespace sluice::config
