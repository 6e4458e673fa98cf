#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "config/cursor.hpp"
#include "config/problems.hpp"
#include "config/scalar.hpp"
#include "config/toml_text.hpp"

// The kinds of values that a key can have: how each is read, what the reference calls it, and how it is written.
namespace sluice::config {

// One entry of an inline table whose names the configuration chooses.
template <class N, class V>
struct Entry {
  Placed<N> name;
  Placed<V> value;

  friend bool operator==(const Entry&, const Entry&) = default;
};

namespace detail {

// Stores what was read in a plain, an optional or a placed member, or one that is both.
template <class T, class V>
void store(std::optional<T>& target, V&& value, Place place);
template <class T, class V>
void store(Placed<T>& target, V&& value, Place place);
template <class T, class V>
void store(T& target, V&& value, Place) {
  target = static_cast<T>(std::forward<V>(value));
}
template <class T, class V>
void store(Placed<T>& target, V&& value, Place place) {
  target.place = place;
  store(target.value, std::forward<V>(value), place);
}
template <class T, class V>
void store(std::optional<T>& target, V&& value, Place place) {
  store(target.emplace(), std::forward<V>(value), place);
}

// The value as TOML; empty: it is not set.
template <class Kind, class T>
std::string show(const std::optional<T>& value);
template <class Kind, class T>
std::string show(const Placed<T>& value);
template <class Kind, class T>
std::string show(const T& value) {
  return Kind::show(value);
}
template <class Kind, class T>
std::string show(const Placed<T>& value) {
  return show<Kind>(value.value);
}
template <class Kind, class T>
std::string show(const std::optional<T>& value) {
  return value ? show<Kind>(*value) : std::string();
}

struct BooleanKind {
  static std::optional<bool> read(const Cursor& at, Range) { return at.boolean(); }
  static std::string type(Range) { return "boolean"; }
  static std::string show(bool value) { return value ? "true" : "false"; }
};

struct IntegerKind {
  static std::optional<std::int64_t> read(const Cursor& at, Range range) { return at.integer(range); }
  static std::string type(Range range);
  static std::string show(std::integral auto value) { return fmt::to_string(value); }
};

struct DurationKind {
  static std::optional<Duration> read(const Cursor& at, Range range) { return at.duration(range); }
  static std::string type(Range range);
  static std::string show(Duration value) { return toml_string(duration_text(value)); }
};

struct SizeKind {
  static std::optional<std::int64_t> read(const Cursor& at, Range range) { return at.size(range); }
  static std::string type(Range range);
  static std::string show(std::integral auto value) { return toml_string(size_text(static_cast<std::int64_t>(value))); }
};

template <class Way>
using WayValue = typename decltype(Way::parse({}))::value_type;

inline std::string text_of(const std::string& value) { return value; }
std::string text_of(const auto& value) { return std::string(to_string(value)); }

// A string read by `Way::parse`.
template <class Way>
struct StringKind {
  static std::optional<WayValue<Way>> read(const Cursor& at, Range) {
    auto text = at.text();
    if (!text) return std::nullopt;
    auto parsed = Way::parse(*text);
    if (parsed) return std::move(*parsed);
    at.fail(parsed.error());
    return std::nullopt;
  }
  static std::string type(Range) { return std::string(Way::type); }
  static std::string show(const auto& value) {
    std::string text = text_of(value);
    // Nothing that could have been written: it was left out.
    if (text.empty() && !Way::parse({})) return {};
    return toml_string(text);
  }
};

// A string, or "file:PATH", whose content it is. What a file or a variable says is a secret.
template <class Way>
struct SecretKind {
  static constexpr bool keeps_secrets = true;
  static std::optional<Secret> read(const Cursor& at, Range) {
    auto secret = at.secret();
    if (!secret) return std::nullopt;
    auto parsed = Way::parse(secret->value);
    if (parsed) return Secret{std::move(*parsed), std::move(secret->shown)};
    const bool is_plain = secret->shown == toml_string(secret->value);
    at.fail(is_plain ? parsed.error() : "is no valid value once it is filled in; what it is then is not shown");
    return std::nullopt;
  }
  static std::string type(Range) { return fmt::format("{} or `file:` path", Way::type); }
  static std::string show(const Secret& value) { return value.shown; }
};

// Whether the kind itself sees to it that its values are not shown.
template <class Kind>
constexpr bool keeps_secrets() {
  if constexpr (requires { Kind::keeps_secrets; }) return Kind::keeps_secrets;
  return false;
}

template <class Way>
struct KindOf {
  using Type = StringKind<Way>;
};
template <class Way>
  requires(Way::may_be_file)
struct KindOf<Way> {
  using Type = SecretKind<Way>;
};

// An enum whose names are `Names`, in the order of its values from 0.
template <class E, const auto& Names>
struct ChoiceKind {
  static std::optional<E> read(const Cursor& at, Range) {
    auto index = at.choice(Names);
    return index ? std::optional(static_cast<E>(*index)) : std::nullopt;
  }
  static std::string type(Range) { return fmt::format("\"{}\"", fmt::join(Names, "\" or \"")); }
  static std::string show(E value) { return toml_string(Names[static_cast<std::size_t>(value)]); }
};

// An array of values of one kind; T: a vector of them, each as it is or Placed.
template <class Kind, class T>
struct ArrayKind {
  static constexpr bool keeps_secrets = detail::keeps_secrets<Kind>();

  // Whether every entry is good; those that are have been read.
  static bool read(const Cursor& at, Range count, std::string_view name, T& values) {
    if (!at.is_array()) return false;
    bool is_good = at.has_entries(count, at.node().items.size());
    values.clear();
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      Cursor entry = at.entry(i, fmt::format("`{}[{}]`", name, i));
      auto value = Kind::read(entry, {});
      is_good = is_good && value;
      if (value) store(values.emplace_back(), std::move(*value), entry.place());
    }
    return is_good;
  }
  static std::string type(Range count) {
    return fmt::format("array of {}, {} to {}", Kind::type({}), count.min, count.max);
  }
  static std::string show(const T& values) {
    std::vector<std::string> shown;
    shown.reserve(values.size());
    for (const auto& value : values) shown.push_back(detail::show<Kind>(value));
    return toml_array(shown);
  }
};

// An inline table from names to values of one kind; T: a vector of Entry.
template <class NameWay, class Kind, class T>
struct MapKind {
  static constexpr bool keeps_secrets = detail::keeps_secrets<Kind>();

  // Whether every entry is good. Those with a good name have been read, for what else there is to say of the name.
  static bool read(const Cursor& at, Range count, std::string_view name, T& entries) {
    if (!at.is_table()) return false;
    bool is_good = at.has_entries(count, at.node().members.size());
    entries.clear();
    for (const Member& member : at.node().members) {
      auto parsed = NameWay::parse(member.name);
      if (!parsed) at.fail_at(member.place, fmt::format("a name in `{}` {}", name, parsed.error()));
      Cursor entry = at.member(member, fmt::format("`{}` in `{}`", one_line(member.name), name));
      auto value = Kind::read(entry, {});
      is_good = is_good && parsed && value;
      if (!parsed) continue;
      auto& added = entries.emplace_back();
      store(added.name, std::move(*parsed), member.place);
      if (value) store(added.value, std::move(*value), entry.place());
    }
    return is_good;
  }
  static std::string type(Range count) {
    return fmt::format("table of {} to {}, {} to {}", NameWay::type, Kind::type({}), count.min, count.max);
  }
  static std::string show(const T& entries) {
    std::vector<std::pair<std::string, std::string>> shown;
    shown.reserve(entries.size());
    for (const auto& entry : entries) {
      shown.emplace_back(text_of(entry.name.value), detail::show<Kind>(entry.value));
    }
    return toml_table(shown);
  }
};

}  // namespace detail
}  // namespace sluice::config
