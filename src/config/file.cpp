#include "config/file.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include "config/scalar.hpp"

namespace sluice::config {
namespace {

std::unexpected<std::string> unreadable(int os_error) {
  return std::unexpected(fmt::format("cannot be read: {}", std::generic_category().message(os_error)));
}

}  // namespace

std::expected<std::string, std::string> read_file(const std::string& path, std::size_t bytes_max) {
  struct Close {
    void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
  };
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) return unreadable(errno);
  std::string bytes;
  char block[64 * 1024];
  for (;;) {
    std::size_t count = std::fread(block, 1, sizeof block, file.get());
    bytes.append(block, count);
    if (std::ferror(file.get()) != 0) return unreadable(errno);
    if (bytes.size() > bytes_max) {
      return std::unexpected(fmt::format("is larger than {}", size_text(static_cast<std::int64_t>(bytes_max))));
    }
    if (count == 0) return bytes;
  }
}

std::expected<std::string, std::string> read_secret_file(const std::string& path) {
  constexpr std::size_t secret_bytes_max = 64 * 1024;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    return std::unexpected("is no regular file");
  }
  auto content = read_file(path, secret_bytes_max);
  if (content && content->ends_with('\n')) content->pop_back();
  if (content && content->ends_with('\r')) content->pop_back();
  return content;
}

std::string beside(const std::string& file, std::string_view path) {
  return (std::filesystem::path(file).parent_path() / std::filesystem::path(path)).string();
}

}  // namespace sluice::config
