#include "route/conditions.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "base/assert.hpp"
#include "config/problems.hpp"
#include "http/bytes.hpp"

namespace sluice::route {
namespace {

// A pattern that is read only to know that it can be.
struct Expression {
  static constexpr std::string_view type = "regular expression";
  static config::Parsed<std::string> parse(std::string_view text) {
    auto compiled = Regex::compile(text);
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    return compiled->text();
  }
};

struct HeaderName {
  static constexpr std::string_view type = "field name";
  static config::Parsed<std::string> parse(std::string_view text) {
    if (!http::is_token(text)) {
      return std::unexpected(
          fmt::format("must be the name of a field, such as \"x-canary\", not {}", config::in_quotes(text)));
    }
    std::string name(text);
    std::ranges::transform(name, name.begin(), ascii::lower);
    if (name == "host") return std::unexpected("must not be \"host\": that is matched by the route's `host`");
    return name;
  }
};

// A value that a field can have: RFC 9110 §5.5, without white space around it.
struct HeaderValue {
  static constexpr std::string_view type = "string";
  static config::Parsed<std::string> parse(std::string_view text) {
    auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; };
    if (std::ranges::any_of(text, is_control) || ascii::trim_ows(text) != text) {
      return std::unexpected(fmt::format("must be without control characters and without white space around it, not {}",
                                         config::in_quotes(text)));
    }
    return std::string(text);
  }
};

struct AnyText {
  static constexpr std::string_view type = "string";
  static config::Parsed<std::string> parse(std::string_view text) { return std::string(text); }
};

constexpr std::string_view value_summary = "What its whole value must be.";
constexpr std::string_view regex_summary = "What its whole value must fit.";
constexpr std::string_view present_summary = "Whether it must be there; `false`: it must not.";

constexpr auto header_list = std::to_array<config::Key<ConditionSettings>>({
    config::string<&ConditionSettings::name, HeaderName>(
        "name", "Name of the header field; upper and lower case are the same. Alone, the bare string will do.")
        .required(),
    config::string<&ConditionSettings::value, HeaderValue>("value", value_summary).otherwise("any"),
    config::string<&ConditionSettings::regex, Expression>("regex", regex_summary).otherwise("any"),
    config::boolean<&ConditionSettings::present>("present", present_summary).otherwise("`true`"),
});

constexpr auto query_list = std::to_array<config::Key<ConditionSettings>>({
    config::string<&ConditionSettings::name, config::Text>(
        "name", "Name of the parameter, decoded. Alone, the bare string will do.")
        .required(),
    config::string<&ConditionSettings::value, AnyText>("value", value_summary).otherwise("any"),
    config::string<&ConditionSettings::regex, Expression>("regex", regex_summary).otherwise("any"),
    config::boolean<&ConditionSettings::present>("present", present_summary).otherwise("`true`"),
});

// One decoded byte of a query, and how many bytes it took.
struct Decoded {
  char byte;
  std::size_t size;
};
Decoded decode(std::string_view text) {
  if (text[0] == '+') return {' ', 1};
  if (text[0] != '%' || text.size() < 3) return {text[0], 1};
  int high = ascii::hex_value(text[1]);
  int low = ascii::hex_value(text[2]);
  if (high < 0 || low < 0) return {text[0], 1};
  return {static_cast<char>(high * 16 + low), 3};
}

bool decodes_to(std::string_view text, std::string_view plain) {
  std::size_t at = 0;
  while (!text.empty() && at < plain.size()) {
    auto [byte, size] = decode(text);
    if (byte != plain[at++]) return false;
    text.remove_prefix(size);
  }
  return text.empty() && at == plain.size();
}

// What: text of bounded length, on the stack.
class Gathered {
 public:
  // False, and nothing more is taken, when it does not fit.
  bool append(std::string_view text) {
    if (text.size() > bytes_.size() - size_) return false;
    std::ranges::copy(text, bytes_.data() + size_);
    size_ += text.size();
    return true;
  }
  bool append(char c) { return append(std::string_view(&c, 1)); }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, gathered_bytes_max> bytes_;
  std::size_t size_ = 0;
};

// The raw value of the first parameter of that name.
std::optional<std::string_view> first_parameter(std::string_view query, std::string_view name) {
  if (query.starts_with('?')) query.remove_prefix(1);
  while (!query.empty()) {
    std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    std::size_t equals = parameter.find('=');
    if (!decodes_to(parameter.substr(0, equals), name)) continue;
    return equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace

constinit const config::Keys<ConditionSettings> header_condition_keys = header_list;
constinit const config::Keys<ConditionSettings> query_condition_keys = query_list;

std::string ConditionSettings::identity() const {
  // With the size of the name first, nothing can look like something else.
  std::string begin = fmt::format("{}:{}", name.value.size(), name.value);
  if (value) return fmt::format("{}={}", begin, *value);
  if (regex) return fmt::format("{}~{}", begin, *regex);
  return begin + (present.value_or(true) ? '+' : '-');
}

config::Parsed<std::string> MethodName::parse(std::string_view text) {
  auto refuse = [&](std::string_view why) {
    return std::unexpected(fmt::format("{}, not {}", why, config::in_quotes(text)));
  };
  auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (!http::is_token(text) || std::ranges::any_of(text, is_lower)) {
    return refuse("must be a method in upper case, such as \"GET\"");
  }
  if (text == "CONNECT" || text == "TRACE") return refuse("must be a method that is not always refused");
  return std::string(text);
}

std::string_view to_string(Condition::Kind kind) noexcept {
  switch (kind) {
    case Condition::Kind::present:
      return "present";
    case Condition::Kind::absent:
      return "absent";
    case Condition::Kind::value:
      return "value";
    case Condition::Kind::regex:
      return "regex";
  }
  return "?";
}

Condition::Condition(const ConditionSettings& settings, unsigned shards) : name_(settings.name.value) {
  if (settings.value) {
    kind_ = Kind::value;
    value_ = *settings.value;
  } else if (settings.regex) {
    kind_ = Kind::regex;
    auto compiled = Regex::compile(*settings.regex, shards);
    SLUICE_ASSERT(compiled.has_value());
    regex_ = std::move(*compiled);
  } else if (!settings.present.value_or(true)) {
    kind_ = Kind::absent;
  }
}

bool HeaderCondition::is(const http::Field& field) const {
  if (field.id != id_) return false;
  return id_ != http::FieldId::other || ascii::equals_ignoring_case(field.name, name_);
}

bool HeaderCondition::fits(const http::FieldList& fields, unsigned shard) const {
  if (id_ != http::FieldId::other && !fields.contains(id_)) return kind_ == Kind::absent;
  const http::Field* first = std::ranges::find_if(fields, [this](const http::Field& field) { return is(field); });
  if (first == fields.end()) return kind_ == Kind::absent;
  switch (kind_) {
    case Kind::present:
      return true;
    case Kind::absent:
      return false;
    case Kind::value:
      return fits_value(fields, *first);
    case Kind::regex:
      return fits_regex(fields, *first, shard);
  }
  return false;
}

bool HeaderCondition::fits_value(const http::FieldList& fields, const http::Field& first) const {
  std::string_view rest = value_;
  for (const http::Field* field = &first; field != fields.end(); ++field) {
    if (!is(*field)) continue;
    if (field != &first) {
      if (!rest.starts_with(", ")) return false;
      rest.remove_prefix(2);
    }
    if (!rest.starts_with(field->value)) return false;
    rest.remove_prefix(field->value.size());
  }
  return rest.empty();
}

bool HeaderCondition::fits_regex(const http::FieldList& fields, const http::Field& first, unsigned shard) const {
  const http::Field* next = std::find_if(&first + 1, fields.end(), [this](const auto& field) { return is(field); });
  if (next == fields.end()) return regex_->matches(first.value, shard);
  Gathered value;
  if (!value.append(first.value)) return false;
  for (; next != fields.end(); ++next) {
    if (is(*next) && !(value.append(", ") && value.append(next->value))) return false;
  }
  return regex_->matches(value.text(), shard);
}

bool QueryCondition::fits(std::string_view query, unsigned shard) const {
  std::optional<std::string_view> value = first_parameter(query, name_);
  if (!value) return kind_ == Kind::absent;
  switch (kind_) {
    case Kind::present:
      return true;
    case Kind::absent:
      return false;
    case Kind::value:
      return decodes_to(*value, value_);
    case Kind::regex:
      break;
  }
  if (value->find_first_of("%+") == std::string_view::npos) return regex_->matches(*value, shard);
  Gathered plain;
  while (!value->empty()) {
    auto [byte, size] = decode(*value);
    if (!plain.append(byte)) return false;
    value->remove_prefix(size);
  }
  return regex_->matches(plain.text(), shard);
}

}  // namespace sluice::route
