#include "config/key.hpp"

namespace sluice::config {
namespace {

std::string range_text(Range range, std::string_view what, std::string_view min, std::string_view max) {
  return fmt::format("{}{}, {} to {}", what, range.is_power_of_two ? " (power of two)" : "", min, max);
}

}  // namespace

std::string section_text(const std::string& section, std::string_view name, Form form) {
  if (!section.empty()) return fmt::format("{} {}", section, name);
  switch (form) {
    case Form::value:
      return fmt::format("`{}`", name);
    case Form::table:
      return fmt::format("[{}]", name);
    case Form::tables:
      return fmt::format("[[{}]]", name);
    case Form::named_tables:
      return fmt::format("[{}.NAME]", name);
  }
  return {};
}

namespace detail {

std::string IntegerKind::type(Range range) {
  return range_text(range, "integer", fmt::to_string(range.min), fmt::to_string(range.max));
}

std::string DurationKind::type(Range range) {
  return range_text(range, "duration", duration_text(Duration(range.min)), duration_text(Duration(range.max)));
}

std::string SizeKind::type(Range range) {
  return range_text(range, "size", size_text(range.min), size_text(range.max));
}

}  // namespace detail
}  // namespace sluice::config
