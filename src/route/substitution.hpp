#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "route/captures.hpp"

namespace sluice::route {

// Where the text of a substitution stands; decides which bytes of a captured part must be escaped there.
enum class UriPart : std::uint8_t { path, query };
[[nodiscard]] std::string_view to_string(UriPart part) noexcept;

// What: text with `{name}` in it, into which the parts of a path are put: "/u/{id}".
// Invariants: every capture that it names is one of those that it was compiled for.
class Substitution {
 public:
  // names: of the captures, in their order. Errors: why not, as a sentence's end.
  [[nodiscard]] static std::expected<Substitution, std::string> compile(std::string_view text,
                                                                        std::span<const std::string> names);

  [[nodiscard]] std::size_t size(const Captures& captures, UriPart part) const;
  // Writes size() bytes at `out` and returns the end. A captured part keeps its escapes. In a query the bytes that
  // would end its value there ("&;+=") are escaped too, so that no path can add a parameter.
  char* write(char* out, const Captures& captures, UriPart part) const;

  [[nodiscard]] bool uses_captures() const { return pieces_.size() > 1; }
  // The text with `stand_in` for every capture.
  [[nodiscard]] std::string with(std::string_view stand_in) const;

 private:
  // Literal text, and the capture behind it; the last piece has none.
  struct Piece {
    std::string literal;
    std::size_t capture = Captures::count_max;
  };

  std::vector<Piece> pieces_;
};

}  // namespace sluice::route
