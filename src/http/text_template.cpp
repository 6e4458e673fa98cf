#include "http/text_template.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "http/writer.hpp"

namespace sluice::http {
namespace {

constexpr std::array<std::string_view, variable_count> names = {"client", "peer",     "host", "request_id",
                                                                "scheme", "listener", "route"};

std::optional<std::size_t> index_of(std::string_view name) {
  auto found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(std::distance(names.begin(), found));
}

}  // namespace

std::string_view to_string(Variable variable) noexcept { return names[static_cast<std::size_t>(variable)]; }

std::expected<TextTemplate, std::string> TextTemplate::parse(std::string_view text) {
  TextTemplate result;
  Piece piece;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_doubled = i + 1 < text.size() && text[i + 1] == c;
    if ((c != '{' && c != '}') || is_doubled) {
      piece.text += c;
      if (c == '{' || c == '}') ++i;
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (c == '}' || end == std::string_view::npos) {
      return std::unexpected(fmt::format("has a single `{}`; write `{}{}` for the character", c, c, c));
    }
    const std::string_view name = text.substr(i + 1, end - i - 1);
    const std::optional<std::size_t> index = index_of(name);
    if (!index) {
      return std::unexpected(
          fmt::format("has the unknown variable `{{{}}}`; there are {{{}}}", name, fmt::join(names, "}, {")));
    }
    piece.variable = static_cast<std::uint8_t>(*index);
    result.used_ |= 1U << *index;
    result.pieces_.push_back(std::exchange(piece, {}));
    i = end;
  }
  if (!piece.text.empty()) result.pieces_.push_back(std::move(piece));
  return result;
}

void TextTemplate::bind(Variable variable, std::string_view value) {
  const auto index = static_cast<std::uint8_t>(variable);
  for (Piece& piece : pieces_) {
    if (piece.variable != index) continue;
    piece.text += value;
    piece.variable = no_variable;
  }
  used_ &= ~(1U << index);
}

std::size_t TextTemplate::literal_bytes() const {
  std::size_t bytes = 0;
  for (const Piece& piece : pieces_) bytes += piece.text.size();
  return bytes;
}

bool TextTemplate::is_empty_with(const Variables& variables) const noexcept {
  for (const Piece& piece : pieces_) {
    if (!piece.text.empty()) return false;
    if (piece.variable != no_variable && !variables[static_cast<Variable>(piece.variable)].empty()) return false;
  }
  return true;
}

void TextTemplate::write(Writer& out, const Variables& variables) const noexcept {
  for (const Piece& piece : pieces_) {
    out.append(piece.text);
    if (piece.variable != no_variable) out.append(variables[static_cast<Variable>(piece.variable)]);
  }
}

}  // namespace sluice::http
