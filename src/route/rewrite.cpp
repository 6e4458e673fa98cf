#include "route/rewrite.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "config/problems.hpp"
#include "http/bytes.hpp"
#include "route/route.hpp"
#include "route/settings.hpp"

namespace sluice::route {
namespace {

constexpr std::size_t text_bytes_max = 1024;

std::unexpected<std::string> refuse(std::string_view why, std::string_view text) {
  return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
}

// What holds whatever is captured is known from the text alone; the rest is for check_rewrite().
struct NewPath {
  static constexpr std::string_view type = "path with names";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (!text.starts_with('/')) return refuse("must start with `/`", text);
    if (text.size() > text_bytes_max) return refuse("must be at most 1024 bytes long", text);
    return std::string(text);
  }
};

struct NewPrefix {
  static constexpr std::string_view type = "path with names";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (text.size() > 1 && text.ends_with('/')) return refuse("must be without `/` at the end", text);
    return NewPath::parse(text);
  }
};

struct NewQuery {
  static constexpr std::string_view type = "query with names";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (text.starts_with('?')) return refuse("must be without the `?`", text);
    if (text.size() > text_bytes_max) return refuse("must be at most 1024 bytes long", text);
    if (!text.empty() && !http::are_bytes(text, http::byte_query)) {
      return refuse("must have other characters percent-encoded", text);
    }
    return std::string(text);
  }
};

constexpr auto keys = std::to_array<config::Key<RewriteSettings>>({
    config::string<&RewriteSettings::prefix, NewPrefix>(
        "prefix", "Takes the place of what `path` says before its `/*`; `\"/\"` takes it away.")
        .otherwise("unchanged"),
    config::string<&RewriteSettings::path, NewPath>("path", "Takes the place of the whole path.")
        .otherwise("unchanged"),
    config::string<&RewriteSettings::query, NewQuery>(
        "query", "Takes the place of the query, without the `?`; `\"\"` takes it away.")
        .otherwise("unchanged"),
});

// Whether `path` is `prefix` or lies below it.
bool is_below(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// Whether it is known what the route's path is.
bool is_path_sound(const RouteSettings& route) {
  return route.given.are_sound("path", "path_regex") && !has_two_paths(route);
}

// Of those keys that give the path another beginning a route has one.
void check_exclusive(const RouteSettings& route, config::Problems& problems) {
  const config::Given& rewrite = route.rewrite.given;
  if (rewrite.has("prefix") && rewrite.has("path")) {
    problems.add(rewrite.place_of("path"), "`path` and `prefix` exclude each other");
  }
  if ((rewrite.has("prefix") || rewrite.has("path")) && route.given.has("strip_prefix")) {
    problems.add(route.given.place_of("strip_prefix"), "`strip_prefix` and a `rewrite` of the path exclude each other");
  }
}

void check_strip_prefix(const RouteSettings& route, config::Problems& problems) {
  const auto& [prefix, place] = route.strip_prefix;
  if (prefix.empty()) return;
  const PathPattern pattern = route.pattern();
  if (route.has_expression()) {
    problems.add(place, "`strip_prefix` goes with `path`, not with `path_regex`");
  } else if (!is_below(pattern.path, prefix)) {
    problems.add(place, fmt::format("`strip_prefix` must be whole segments that the path {} starts with, not {}",
                                    config::in_quotes(to_string(pattern)), config::in_quotes(prefix)));
  }
}

// What `text` becomes must be a path (or query) whatever is captured.
void check_text(std::string_view key, const config::Placed<std::string>& text, std::span<const std::string> names,
                UriPart part, config::Problems& problems) {
  auto compiled = Substitution::compile(text.value, names);
  std::string why = compiled ? "" : compiled.error();
  if (why.empty() && part == UriPart::path) why = unreachable_path(compiled->with("x"));
  if (why.empty()) return;
  problems.add(text.place, fmt::format("`{}` {}, in {}", key, why, config::in_quotes(text.value)));
}

}  // namespace

constinit const config::Keys<RewriteSettings> rewrite_keys = keys;

Rewrite::Rewrite(const RewriteSettings& settings, std::span<const std::string> names) {
  auto compile = [names](const config::Placed<std::string>& text) {
    auto compiled = Substitution::compile(text.value, names);
    SLUICE_ASSERT(compiled.has_value());
    return std::move(*compiled);
  };
  if (settings.path) {
    replaces_ = Replaces::path;
    path_ = compile(*settings.path);
  } else if (settings.prefix) {
    replaces_ = Replaces::prefix;
    path_ = compile(*settings.prefix);
  }
  if (settings.query) query_ = compile(*settings.query);
}

std::vector<std::string> capture_names(const RouteSettings& route) {
  if (!route.has_expression()) return route.pattern().names;
  auto compiled = Regex::compile(route.path_regex.value);
  SLUICE_ASSERT(compiled.has_value());
  return compiled->group_names();
}

void check_rewrite(const RouteSettings& route, config::Problems& problems) {
  check_exclusive(route, problems);
  if (!is_path_sound(route)) return;
  const RewriteSettings& rewrite = route.rewrite;
  const bool is_path_replaced = rewrite.given.has("prefix") || rewrite.given.has("path");
  if (!is_path_replaced) check_strip_prefix(route, problems);
  if (!rewrite.is_given()) return;
  const std::vector<std::string> names = capture_names(route);
  if (rewrite.prefix) {
    if (!rewrite.given.has("path") && (route.has_expression() || !route.pattern().is_prefix)) {
      problems.add(rewrite.prefix->place,
                   "`prefix` needs a route whose `path` ends in `/*`; `path` rewrites the others");
    }
    check_text("prefix", *rewrite.prefix, names, UriPart::path, problems);
  }
  if (rewrite.path) check_text("path", *rewrite.path, names, UriPart::path, problems);
  if (rewrite.query) check_text("query", *rewrite.query, names, UriPart::query, problems);
}

Captures capture(const Route& route, std::string_view path, unsigned shard) {
  if (route.path_regex) return route.path_regex->capture(path, shard);
  return capture(route.path, path);
}

Rewriting::Rewriting(const Route& route, std::string_view path, std::string_view query, unsigned shard)
    : route_(route), path_(path), query_(query), captures_(capture(route, path, shard)), path_bytes_(path.size()) {
  const Rewrite& rewrite = route_.rewrite;
  if (rewrite.replaces_ == Rewrite::Replaces::prefix) rest_ = path.substr(covered_bytes(route.path, path));
  if (rewrite.replaces_ != Rewrite::Replaces::nothing) {
    path_bytes_ = rewrite.path_.size(captures_, UriPart::path) + rest_.size();
  }
  query_bytes_ = rewrite.query_ ? 1 + rewrite.query_->size(captures_, UriPart::query) : query.size();
}

std::expected<Target, http::PathError> Rewriting::apply(std::span<char> memory, bool merge_slashes) const {
  SLUICE_ASSERT(memory.size() >= memory_bytes());
  const Rewrite& rewrite = route_.rewrite;
  Target target{.path = strip_prefix(path_, route_.strip_prefix), .query = query_};
  if (rewrite.query_) {
    char* begin = memory.data() + 2 * path_bytes_;
    *begin = '?';
    char* end = rewrite.query_->write(begin + 1, captures_, UriPart::query);
    target.query = std::string_view(begin, end);
    if (target.query == "?") target.query = {};
  }
  if (rewrite.replaces_ == Rewrite::Replaces::nothing) return target;

  char* end = rewrite.path_.write(memory.data(), captures_, UriPart::path);
  end = std::ranges::copy(rest_, end).out;
  auto normal =
      http::normalize_path(strip_prefix(std::string_view(memory.data(), end), ""), memory.subspan(path_bytes_),
                           {.merge_slashes = merge_slashes, .resolve_dots = false});
  if (!normal) return std::unexpected(normal.error());
  target.path = *normal;
  return target;
}

std::string_view strip_prefix(std::string_view path, std::string_view prefix) {
  SLUICE_ASSERT(path.starts_with(prefix));
  path.remove_prefix(prefix.size());
  SLUICE_ASSERT(path.empty() || path.front() == '/' || prefix.empty());
  std::size_t first = path.find_first_not_of('/');
  if (first == std::string_view::npos) return "/";
  if (first == 0) return path;
  path.remove_prefix(first - 1);
  return path;
}

}  // namespace sluice::route
