#include "config/files.hpp"

#include <glob.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/cursor.hpp"
#include "config/file.hpp"
#include "config/kinds.hpp"

namespace sluice::config {
namespace {

using Patterns = std::vector<Placed<std::string>>;

bool has_wildcard(std::string_view pattern) { return pattern.find_first_of("*?[") != std::string_view::npos; }

// The files that a pattern in `including` means, in the order of their names. Error: why they cannot be told.
std::expected<std::vector<std::string>, std::string> matches(const std::string& including, const std::string& pattern) {
  if (!has_wildcard(pattern)) return std::vector{beside(including, pattern)};
  // The folder of the including file is no pattern.
  std::string escaped;
  for (char c : std::filesystem::path(including).parent_path().string()) {
    if (std::string_view("*?[]\\").contains(c)) escaped += '\\';
    escaped += c;
  }
  glob_t found{};
  const std::string whole = (std::filesystem::path(escaped) / pattern).string();
  // A folder that is not there has nothing in it; one that cannot be read may.
  auto is_unreadable = [](const char*, int error) { return error == ENOENT || error == ENOTDIR ? 0 : 1; };
  const int result = ::glob(whole.c_str(), GLOB_NOSORT, is_unreadable, &found);
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (result == GLOB_ABORTED) return std::unexpected("goes through a folder that cannot be read");
  if (result == GLOB_NOSPACE) return std::unexpected("needs more memory than there is");
  std::ranges::sort(paths);
  return paths;
}

// What: reads files and joins their trees.
class Loader {
 public:
  Loader(std::span<const TopLevelKey> keys, Problems& problems) : keys_(keys), problems_(problems) {}

  Node load(const std::string& path) {
    root_.place = {1, 1, 0};
    add_file(path, identity_of(path), 0, {});
    return std::move(root_);
  }

 private:
  struct Seen {
    std::string identity;
    bool is_open = true;  // what it includes is being read
  };

  // The same for every path to the same file.
  static std::string identity_of(const std::string& path) {
    std::error_code error;
    std::string canonical = std::filesystem::weakly_canonical(path, error).string();
    return error ? path : canonical;
  }

  // number: in problems_; at: what includes it.
  void add_file(const std::string& path, std::string identity, std::uint32_t number, Place at) {
    const std::size_t index = seen_.size();
    seen_.push_back({std::move(identity)});
    join_file(path, number, at);
    seen_[index].is_open = false;
  }

  void join_file(const std::string& path, std::uint32_t number, Place at) {
    auto text = read_file(path, file_bytes_max);
    if (!text) return fail_file(path, at, text.error());
    bytes_ += text->size();
    if (bytes_ > files_bytes_max) {
      return fail_file(path, at, fmt::format("makes it more than {}", size_text(std::int64_t{files_bytes_max})));
    }
    auto tree = parse_document(*text, problems_, number);
    if (!tree) {
      root_.is_partial = true;
      return;
    }
    Patterns patterns = take_patterns(*tree);
    for (Member& member : tree->members) join(std::move(member));
    for (const auto& pattern : patterns) add_matches(path, pattern);
  }

  void add_matches(const std::string& including, const Placed<std::string>& pattern) {
    auto paths = matches(including, pattern.value);
    if (!paths) return fail(pattern.place, fmt::format("{} {}", in_quotes(pattern.value), paths.error()));
    for (const std::string& path : *paths) {
      std::string identity = identity_of(path);
      if (!may_add(path, identity, pattern.place)) continue;
      ++depth_;
      add_file(path, std::move(identity), problems_.add_file(path), pattern.place);
      --depth_;
    }
  }

  bool may_add(const std::string& path, const std::string& identity, Place at) {
    auto before = std::ranges::find(seen_, identity, &Seen::identity);
    if (before != seen_.end()) {
      // Nothing is missing: it is there once.
      problems_.add(at, file_text(path, before->is_open ? "includes itself that way" : "is included twice"));
    } else if (depth_ == include_depth_max) {
      fail_file(path, at,
                fmt::format("is included {} files deep, and no more than {} are allowed", depth_ + 1, depth_));
    } else if (seen_.size() == files_max) {
      // Once: the pattern may match any number.
      if (!std::exchange(is_number_told_, true)) {
        fail_file(path, at, fmt::format("is one file too many: there may be {}", files_max));
      }
    } else {
      return true;
    }
    return false;
  }

  static std::string file_text(const std::string& path, std::string_view why) {
    constexpr std::size_t path_bytes_max = 1024;
    return fmt::format("\"{}\" {}", one_line(path, path_bytes_max), why);
  }

  void fail_file(const std::string& path, Place at, std::string_view why) {
    // What is wrong with the first file is said of it; nobody includes it.
    fail(at, at == Place{} ? std::string(why) : file_text(path, why));
  }

  void fail(Place at, std::string message) {
    problems_.add(at, std::move(message));
    root_.is_partial = true;
  }

  // The patterns of `include`, which is then no more in the tree.
  Patterns take_patterns(Node& tree) {
    using PatternKind = detail::ArrayKind<detail::StringKind<Text>, Patterns>;
    Patterns patterns;
    auto member = std::ranges::find(tree.members, include_key, &Member::name);
    if (member == tree.members.end()) return patterns;
    const Cursor at(member->value, fmt::format("`{}`", include_key), problems_);
    if (!PatternKind::read(at, include_patterns, include_key, patterns)) root_.is_partial = true;
    tree.members.erase(member);
    return patterns;
  }

  void join(Member member) {
    auto before = std::ranges::find(root_.members, member.name, &Member::name);
    if (before == root_.members.end()) {
      root_.members.push_back(std::move(member));
      return;
    }
    auto key = std::ranges::find(keys_, member.name, &TopLevelKey::name);
    const Form form = key == keys_.end() ? Form::value : key->form;
    auto are = [&](Kind kind) { return before->value.kind == kind && member.value.kind == kind; };
    if (form == Form::tables && are(Kind::array)) {
      std::ranges::move(member.value.items, std::back_inserter(before->value.items));
      return;
    }
    if (form == Form::named_tables && are(Kind::table)) return join_named(*before, member);
    // What is unknown or of the wrong kind is told when it is read.
    if (key != keys_.end() && (form == Form::value || form == Form::table)) {
      fail_twice(fmt::format("`{}`", one_line(member.name)), member.place, before->place);
    }
    root_.members.push_back(std::move(member));
  }

  void join_named(Member& into, Member& from) {
    for (Member& named : from.value.members) {
      auto before = std::ranges::find(into.value.members, named.name, &Member::name);
      if (before != into.value.members.end()) {
        fail_twice(fmt::format("[{}.{}]", into.name, one_line(named.name)), named.place, before->place);
      }
      into.value.members.push_back(std::move(named));
    }
  }

  void fail_twice(const std::string& what, Place place, Place before) {
    problems_.add(place, fmt::format("{} stands at {} already", what, problems_.place_text(before)));
  }

  std::span<const TopLevelKey> keys_;
  Problems& problems_;
  Node root_;
  std::vector<Seen> seen_;
  std::size_t bytes_ = 0;
  std::size_t depth_ = 0;
  bool is_number_told_ = false;  // that there are too many
};

}  // namespace

Node load_files(const std::string& path, std::span<const TopLevelKey> keys, Problems& problems) {
  return Loader(keys, problems).load(path);
}

}  // namespace sluice::config
