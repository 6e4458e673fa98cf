#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http {

class Writer;

// What a template may ask for; as "{client}" and so on.
enum class Variable : std::uint8_t { client, peer, host, request_id, scheme, listener, route };
inline constexpr std::size_t variable_count = static_cast<std::size_t>(Variable::route) + 1;
[[nodiscard]] std::string_view to_string(Variable variable) noexcept;

// What: the values of one exchange. Empty where there is none. None of them holds a control character.
class Variables {
 public:
  [[nodiscard]] std::string_view operator[](Variable variable) const {
    return values_[static_cast<std::size_t>(variable)];
  }
  void set(Variable variable, std::string_view value) { values_[static_cast<std::size_t>(variable)] = value; }

 private:
  std::array<std::string_view, variable_count> values_{};
};

// What: text with variables in it, taken apart once; writing it does not allocate.
// Shard: any; immutable once it is built.
class TextTemplate {
 public:
  TextTemplate() = default;

  // "{name}" stands for a variable, "{{" and "}}" for a brace. Nothing else is checked. Errors: the second half of the
  // sentence "`key` ...".
  [[nodiscard]] static std::expected<TextTemplate, std::string> parse(std::string_view text);

  // What is known before there is an exchange becomes text.
  void bind(Variable variable, std::string_view value);

  [[nodiscard]] bool uses(Variable variable) const { return (used_ >> static_cast<unsigned>(variable) & 1) != 0; }
  // The bits of all variables.
  [[nodiscard]] unsigned used() const { return used_; }
  // Bytes of text, without what the variables will be.
  [[nodiscard]] std::size_t literal_bytes() const;
  [[nodiscard]] bool is_empty_with(const Variables& variables) const noexcept;
  void write(Writer& out, const Variables& variables) const noexcept;

 private:
  // Text, and the variable behind it.
  struct Piece {
    std::string text;
    std::uint8_t variable = no_variable;
  };
  static constexpr std::uint8_t no_variable = 0xff;

  std::vector<Piece> pieces_;
  unsigned used_ = 0;
};

}  // namespace sluice::http
