#include "route/header_settings.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "http/bytes.hpp"

namespace sluice::route {
namespace {

constexpr config::Range entry_count{1, 32};

constexpr auto edit_list = std::to_array<config::Key<HeaderEditSettings>>({
    config::string_map<&HeaderEditSettings::set, FieldName, FieldTemplate>("set", entry_count,
                                                                           "Fields that replace all of the same name."),
    config::string_map<&HeaderEditSettings::add, FieldName, FieldTemplate>(
        "add", entry_count, "Fields that stand beside those of the same name."),
    config::strings<&HeaderEditSettings::remove, FieldName>("remove", entry_count, "Fields that do not go on."),
});

std::string lower(std::string_view text) {
  std::string out;
  std::ranges::transform(text, std::back_inserter(out), ascii::lower);
  return out;
}

struct Refusal {
  std::string_view name;
  std::string_view why;
};

constexpr std::string_view written_anew = "Sluice writes it anew for each connection";
constexpr Refusal refusals[] = {
    {"connection", written_anew},
    {"content-length", written_anew},
    {"keep-alive", written_anew},
    {"proxy-connection", written_anew},
    {"te", written_anew},
    {"trailer", written_anew},
    {"transfer-encoding", written_anew},
    {"upgrade", written_anew},
};
constexpr Refusal request_refusals[] = {
    {"host", "that is what `upstream_host` is for"},
    {"expect", "the client waits for an answer to it"},
};

std::string_view refusal_of(std::string_view name, Direction direction) {
  const std::string wanted = lower(name);
  for (const Refusal& refusal : refusals) {
    if (refusal.name == wanted) return refusal.why;
  }
  if (direction == Direction::response) return {};
  for (const Refusal& refusal : request_refusals) {
    if (refusal.name == wanted) return refusal.why;
  }
  return {};
}

}  // namespace

constinit const config::Keys<HeaderEditSettings> header_edit_keys = edit_list;

std::string_view to_string(Direction direction) noexcept {
  return direction == Direction::request ? "request" : "response";
}

config::Parsed<std::string> FieldName::parse(std::string_view text) {
  constexpr std::size_t name_bytes_max = 64;
  if (http::is_token(text) && text.size() <= name_bytes_max) return std::string(text);
  return std::unexpected(fmt::format("must be a header name of 1 to 64 letters, digits and \"!#$%&'*+-.^_`|~\", not {}",
                                     config::in_quotes(text)));
}

config::Parsed<std::string> FieldTemplate::parse(std::string_view text) {
  constexpr std::size_t value_bytes_max = 1024;
  auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
  };
  if (text.empty()) return refuse("must not be empty (a field is taken away with `remove`)");
  if (text.size() > value_bytes_max) return refuse("must be at most 1024 bytes long");
  // RFC 9110 §5.5; the other control characters could end the field.
  auto is_control = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; };
  if (std::ranges::any_of(text, is_control)) return refuse("must not have control characters");
  if (ascii::trim_ows(text) != text) return refuse("must not begin or end with white space");
  if (auto parsed = http::TextTemplate::parse(text); !parsed) {
    return std::unexpected(fmt::format("{}, in {}", parsed.error(), config::in_quotes(text)));
  }
  return std::string(text);
}

void check_header_edits(const HeaderEditSettings& settings, Direction direction, config::Problems& problems) {
  auto check_name = [&](const config::Placed<std::string>& name, std::map<std::string, config::Place>& seen) {
    if (std::string_view why = refusal_of(name.value, direction); !why.empty()) {
      problems.add(name.place, fmt::format("{} cannot be edited: {}", config::in_quotes(name.value), why));
    }
    const auto [first, is_new] = seen.try_emplace(lower(name.value), name.place);
    if (is_new) return;
    problems.add(name.place, fmt::format("duplicate header name {}: it stands at {} already",
                                         config::in_quotes(name.value), problems.place_text(first->second)));
  };
  // A field that is set or added is not also removed; that it is both set and added gives two.
  std::map<std::string, config::Place> replaced;
  std::map<std::string, config::Place> added;
  for (const auto& entry : settings.set) check_name(entry.name, replaced);
  for (const auto& name : settings.remove) check_name(name, replaced);
  for (const auto& entry : settings.add) check_name(entry.name, added);
  for (const auto& name : settings.remove) {
    if (!added.contains(lower(name.value))) continue;
    problems.add(name.place, fmt::format("{} is added and removed; `set` replaces", config::in_quotes(name.value)));
  }
}

http::FieldEdits merge_header_edits(std::span<const HeaderEditSettings* const> layers, std::string_view route_name) {
  http::FieldEdits edits;
  auto parsed = [](const std::string& text) { return http::TextTemplate::parse(text).value(); };
  for (const HeaderEditSettings* layer : layers) {
    for (const auto& name : layer->remove) edits.remove(name.value);
    for (const auto& [name, value] : layer->set) edits.set(name.value, parsed(value.value.value));
    for (const auto& [name, value] : layer->add) edits.add(name.value, parsed(value.value.value));
  }
  edits.bind(http::Variable::route, route_name);
  return edits;
}

}  // namespace sluice::route
