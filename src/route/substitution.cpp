#include "route/substitution.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "config/problems.hpp"

namespace sluice::route {
namespace {

constexpr bool must_be_escaped(char c, UriPart part) {
  return part == UriPart::query && std::string_view("&;+=").contains(c);
}

std::string no_such_name(std::string_view name, std::span<const std::string> names) {
  std::string shown = config::one_line(name);
  if (names.empty()) return fmt::format("must not have {{{}}}: the path of the route names nothing", shown);
  return fmt::format("must have only names that the path has ({{{}}}), not {{{}}}", fmt::join(names, "}, {"), shown);
}

}  // namespace

std::string_view to_string(UriPart part) noexcept {
  switch (part) {
    case UriPart::path:
      return "path";
    case UriPart::query:
      return "query";
  }
  return "?";
}

std::expected<Substitution, std::string> Substitution::compile(std::string_view text,
                                                               std::span<const std::string> names) {
  Substitution substitution;
  Piece piece;
  while (true) {
    std::size_t brace = text.find_first_of("{}");
    piece.literal = text.substr(0, brace);
    if (brace == std::string_view::npos) break;
    std::size_t end = text.find('}', brace);
    if (text[brace] == '}' || end == std::string_view::npos) {
      return std::unexpected("must have braces only in pairs, around a name");
    }
    std::string_view name = text.substr(brace + 1, end - brace - 1);
    auto found = std::ranges::find(names, name);
    if (found == names.end()) return std::unexpected(no_such_name(name, names));
    piece.capture = static_cast<std::size_t>(found - names.begin());
    substitution.pieces_.push_back(piece);
    piece = {};
    text.remove_prefix(end + 1);
  }
  substitution.pieces_.push_back(piece);
  return substitution;
}

std::size_t Substitution::size(const Captures& captures, UriPart part) const {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces_) {
    bytes += piece.literal.size();
    if (piece.capture == Captures::count_max) continue;
    std::string_view captured = captures[piece.capture];
    bytes += captured.size();
    for (char c : captured) bytes += must_be_escaped(c, part) ? 2 : 0;
  }
  return bytes;
}

char* Substitution::write(char* out, const Captures& captures, UriPart part) const {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const Piece& piece : pieces_) {
    out = std::ranges::copy(piece.literal, out).out;
    if (piece.capture == Captures::count_max) continue;
    for (char c : captures[piece.capture]) {
      if (must_be_escaped(c, part)) {
        *out++ = '%';
        *out++ = digits[static_cast<unsigned char>(c) >> 4];
        *out++ = digits[static_cast<unsigned char>(c) & 15];
      } else {
        *out++ = c;
      }
    }
  }
  return out;
}

std::string Substitution::with(std::string_view stand_in) const {
  std::string text;
  for (const Piece& piece : pieces_) {
    text += piece.literal;
    if (piece.capture != Captures::count_max) text += stand_in;
  }
  return text;
}

}  // namespace sluice::route
