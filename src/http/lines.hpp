#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ascii.hpp"
#include "http/field.hpp"
#include "http/reject.hpp"

// The lines of a head or a trailer section; internal to the codecs.
namespace sluice::http {

// What: one pass over the bytes of a head: finds its lines, its end, and the first byte that no head may contain. What
// comes
//       behind it relies on that: a line holds no control character but HTAB.
// Lifetime: of one call.
// Invariants: line i, the empty one apart, is [i == 0 ? 0 : line_end(i - 1) + 2, line_end(i)).
class LineScan {
 public:
  enum class End : std::uint8_t { open, blank_line, fault };

  // Looks at bytes[from..]; line ends that lie before `from` are not listed.
  void run(std::string_view bytes, std::size_t from) noexcept;

  [[nodiscard]] End end() const { return end_; }
  // Behind the blank line; valid for End::blank_line.
  [[nodiscard]] std::size_t size() const { return stop_; }
  [[nodiscard]] Reject fault() const { return fault_; }  // valid for End::fault
  // Complete lines that were found, the blank one not counted. Only the first max_lines have a line_end().
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t line_end(std::size_t i) const { return line_ends_[i]; }

  // A start line, the fields, and one to see that there are too many.
  static constexpr std::size_t max_lines = FieldList::capacity + 2;

 private:
  // Looks at the bytes of a block that the mask marks. Returns false when the scan is over.
  bool block(std::string_view bytes, std::size_t begin, std::uint32_t mask) noexcept;
  // Looks at one control character. Returns how many bytes that deals with; 0 when the scan is over.
  unsigned special(std::string_view bytes, std::size_t at) noexcept;

  End end_ = End::open;
  Reject fault_ = Reject::none;
  std::size_t stop_ = 0;
  std::size_t count_ = 0;
  std::uint32_t line_ends_[max_lines];  // the first count_ are set
};

// Takes one field line (without its CRLF) apart. The line holds no control character but HTAB.
// Returns Reject::none, or why it is none.
[[nodiscard]] Reject parse_field_line(std::string_view line, Field& out) noexcept;

// Walks over the elements of a comma-separated list (RFC 9110 §5.6.1), trimmed; empty ones come too.
// visit: bool(std::string_view), false ends the walk. Returns false when it was ended.
template <class Visit>
bool for_each_element(std::string_view list, Visit&& visit) {
  while (true) {
    std::size_t comma = list.find(',');
    if (!visit(ascii::trim_ows(list.substr(0, comma)))) return false;
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace sluice::http
