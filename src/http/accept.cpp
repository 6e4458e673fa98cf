#include "http/accept.hpp"

#include <algorithm>
#include <optional>

#include "base/ascii.hpp"
#include "http/bytes.hpp"

namespace sluice::http {
namespace {

// How closely a range describes a type; the closest one decides (RFC 9110 §12.5.1).
enum class Closeness : std::uint8_t { none, any, type, kin, exact };

struct Range {
  std::string_view type;
  std::string_view subtype;
  unsigned quality = 1000;      // in thousandths
  bool has_parameters = false;  // beside q and charset=utf-8
};

struct Candidate {
  Closeness closeness = Closeness::none;
  unsigned quality = 0;

  void consider(Closeness other, const Range& range) {
    if (other == Closeness::none || other < closeness) return;
    quality = other == closeness ? std::max(quality, range.quality) : range.quality;
    closeness = other;
  }
};

// What: reads an Accept field from the left.
// Lifetime: of one call.
class AcceptReader {
 public:
  explicit AcceptReader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool is_at_end() {
    skip_space();
    return rest_.empty();
  }

  [[nodiscard]] bool skip(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // media-range [ parameters ], or nothing when it is malformed.
  std::optional<Range> range() {
    Range range;
    skip_space();
    range.type = token();
    if (range.type.empty() || !starts_with_and_remove('/')) return std::nullopt;
    range.subtype = token();
    if (range.subtype.empty() || (range.type == "*" && range.subtype != "*")) return std::nullopt;
    while (skip(';')) {
      skip_space();
      const std::string_view name = token();
      if (name.empty()) continue;  // RFC 9110 §5.6.6: an empty parameter
      if (!starts_with_and_remove('=')) return std::nullopt;
      const std::optional<std::string_view> text = value();
      if (!text || !parameter(name, *text, range)) return std::nullopt;
    }
    return range;
  }

 private:
  static bool parameter(std::string_view name, std::string_view value, Range& range) {
    if (ascii::equals_ignoring_case(name, "q")) {
      const std::optional<unsigned> quality = quality_of(value);
      if (quality) range.quality = *quality;
      return quality.has_value();
    }
    const bool is_utf8 = ascii::equals_ignoring_case(name, "charset") && ascii::equals_ignoring_case(value, "utf-8");
    range.has_parameters = range.has_parameters || !is_utf8;
    return true;
  }

  // qvalue, RFC 9110 §12.4.2: "0" or "1" with at most three digits, which are zeros behind a 1.
  static std::optional<unsigned> quality_of(std::string_view text) {
    constexpr std::size_t longest = 5;
    if (text.empty() || text.size() > longest || (text.front() != '0' && text.front() != '1')) return std::nullopt;
    if (text.size() > 1 && text[1] != '.') return std::nullopt;
    unsigned quality = text.front() == '1' ? 1000 : 0;
    unsigned place = 100;
    for (char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
      if (!ascii::is_digit(c)) return std::nullopt;
      quality += static_cast<unsigned>(c - '0') * place;
      place /= 10;
    }
    return quality <= 1000 ? std::optional(quality) : std::nullopt;
  }

  void skip_space() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }

  bool starts_with_and_remove(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string_view token() {
    std::size_t size = 0;
    while (size < rest_.size() && is_byte(rest_[size], byte_token)) ++size;
    std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

  // A token, or what stands between the quotes of a quoted-string.
  std::optional<std::string_view> value() {
    if (!starts_with_and_remove('"')) {
      std::string_view text = token();
      return text.empty() ? std::nullopt : std::optional(text);
    }
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        std::string_view text = rest_.substr(0, i);
        rest_.remove_prefix(i + 1);
        return text;
      }
      if (rest_[i] == '\\') ++i;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

Closeness closeness_to_text(const Range& range) {
  if (range.type == "*") return Closeness::any;
  if (!ascii::equals_ignoring_case(range.type, "text")) return Closeness::none;
  if (range.subtype == "*") return Closeness::type;
  return ascii::equals_ignoring_case(range.subtype, "plain") ? Closeness::exact : Closeness::none;
}

Closeness closeness_to_problem(const Range& range) {
  if (range.type == "*") return Closeness::any;
  if (!ascii::equals_ignoring_case(range.type, "application")) return Closeness::none;
  if (range.subtype == "*") return Closeness::type;
  if (ascii::equals_ignoring_case(range.subtype, "json")) return Closeness::kin;
  return ascii::equals_ignoring_case(range.subtype, "problem+json") ? Closeness::exact : Closeness::none;
}

}  // namespace

std::string_view to_string(ErrorFormat format) noexcept {
  switch (format) {
    case ErrorFormat::text:
      return "text/plain; charset=utf-8";
    case ErrorFormat::problem:
      return "application/problem+json";
  }
  return "unknown";
}

ErrorFormat choose_error_format(std::string_view accept) noexcept {
  Candidate text;
  Candidate problem;
  AcceptReader reader(accept);
  unsigned count = 0;
  while (!reader.is_at_end()) {
    if (reader.skip(',')) continue;
    const std::optional<Range> range = reader.range();
    const bool is_malformed = !range || (!reader.is_at_end() && !reader.skip(','));
    if (is_malformed || ++count > media_ranges_max) return ErrorFormat::text;
    if (range->has_parameters) continue;
    text.consider(closeness_to_text(*range), *range);
    problem.consider(closeness_to_problem(*range), *range);
  }
  return problem.quality > text.quality ? ErrorFormat::problem : ErrorFormat::text;
}

}  // namespace sluice::http
