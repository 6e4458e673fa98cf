#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/key.hpp"
#include "http/field.hpp"
#include "route/regex.hpp"

namespace sluice::route {

// One entry of a route's `headers` or `query`, as the file has it. At most one of the three is given; none: present.
struct ConditionSettings {
  config::Given given{};
  config::Placed<std::string> name;
  std::optional<std::string> value;
  std::optional<std::string> regex;
  std::optional<bool> present;

  friend auto operator<=>(const ConditionSettings& a, const ConditionSettings& b) {
    return a.identity() <=> b.identity();
  }
  friend bool operator==(const ConditionSettings& a, const ConditionSettings& b) {
    return a.identity() == b.identity();
  }
  // The same for two that fit the same requests.
  [[nodiscard]] std::string identity() const;
};

extern const config::Keys<ConditionSettings> header_condition_keys;
extern const config::Keys<ConditionSettings> query_condition_keys;
inline constexpr config::Range condition_count{1, 16};

// A method as a route names it.
struct MethodName {
  static constexpr std::string_view type = "method";
  static config::Parsed<std::string> parse(std::string_view text);
};

// What one value of a request must be.
class Condition {
 public:
  enum class Kind : std::uint8_t { present, absent, value, regex };

  Condition(const ConditionSettings& settings, unsigned shards);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 protected:
  Kind kind_ = Kind::present;
  std::string name_;
  std::string value_;
  std::optional<Regex> regex_;
};
[[nodiscard]] std::string_view to_string(Condition::Kind kind) noexcept;

// What: a condition on a header field. Lines of the same name are one value, joined by ", " (RFC 9110 §5.3).
class HeaderCondition : public Condition {
 public:
  HeaderCondition(const ConditionSettings& settings, unsigned shards)
      : Condition(settings, shards), id_(http::field_id(name_)) {}

  [[nodiscard]] bool fits(const http::FieldList& fields, unsigned shard) const;

 private:
  [[nodiscard]] bool is(const http::Field& field) const;
  [[nodiscard]] bool fits_value(const http::FieldList& fields, const http::Field& first) const;
  [[nodiscard]] bool fits_regex(const http::FieldList& fields, const http::Field& first, unsigned shard) const;

  http::FieldId id_;
};

// What: a condition on a parameter of the query: the first one of that name. Names and values are compared decoded,
//       "%31" as "1" and '+' as a space; an escape that is none stands for itself.
class QueryCondition : public Condition {
 public:
  using Condition::Condition;

  // query: with or without its leading '?'.
  [[nodiscard]] bool fits(std::string_view query, unsigned shard) const;
};

// Values that are put together from several lines or decoded, for an expression; a longer one does not fit.
inline constexpr std::size_t gathered_bytes_max = 4096;

// What a request must be beside host and path.
struct Conditions {
  std::vector<std::string> methods;  // empty: any
  std::vector<HeaderCondition> headers;
  std::vector<QueryCondition> query;

  [[nodiscard]] bool is_empty() const { return methods.empty() && headers.empty() && query.empty(); }
};

}  // namespace sluice::route
