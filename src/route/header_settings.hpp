#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "http/field_edits.hpp"

namespace sluice::route {

// Which heads are edited: there are fields that only make sense in one of them.
enum class Direction : std::uint8_t { request, response };
[[nodiscard]] std::string_view to_string(Direction direction) noexcept;

// A header field's name in any table of the file.
struct FieldName {
  static constexpr std::string_view type = "header name";
  static config::Parsed<std::string> parse(std::string_view text);
};

// A value that may hold variables; kept as it was written.
struct FieldTemplate {
  static constexpr std::string_view type = "header value";
  static constexpr bool may_be_file = true;
  static config::Parsed<std::string> parse(std::string_view text);
};

// `request_headers` or `response_headers`, of a route or of everything.
struct HeaderEditSettings {
  using Entry = config::Entry<std::string, config::Secret>;

  std::vector<Entry> set;
  std::vector<Entry> add;
  std::vector<config::Placed<std::string>> remove;
  config::Given given{};
};

extern const config::Keys<HeaderEditSettings> header_edit_keys;

// Fields that are added to one head have at most this many bytes, without the values of variables.
inline constexpr std::size_t added_header_bytes_max = 2048;

// What no single key can tell: fields that cannot be edited, one that is named twice.
void check_header_edits(const HeaderEditSettings& settings, Direction direction, config::Problems& problems);

// What the edits come to; each later one has the last word. The settings are checked.
[[nodiscard]] http::FieldEdits merge_header_edits(std::span<const HeaderEditSettings* const> layers,
                                                  std::string_view route_name);

}  // namespace sluice::route
