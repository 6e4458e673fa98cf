#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "config/cursor.hpp"
#include "config/problems.hpp"
#include "config/scalar.hpp"

// One table of keys for each section of the file. A line of it binds a name to the member of a settings struct, with
// its type, its range and one sentence; the default is what the struct itself says. Reading, suggestions and the
// reference all come from that line, so that they cannot disagree.
namespace sluice::config {

// One line of the reference.
struct ReferenceRow {
  std::string section;  // "[[route]]"; empty: top level
  std::string key;
  std::string type;
  std::string standard;  // the default, as it would be written in the file, or a word: "required"
  std::string summary;
};

// What the name stands for: a value, `[name]`, `[[name]]` or `[name.NAME]`.
enum class Form : std::uint8_t { value, table, tables, named_tables };

template <class S>
struct Key {
  std::string_view name;
  std::string_view summary;
  Range range{};
  Form form = Form::value;
  std::string_view absence{};  // the default in words, where the struct cannot say it
  bool is_required = false;

  void (*read)(const Key&, const Cursor&, S&) = nullptr;
  std::string (*type)(const Key&) = nullptr;
  std::string (*show)(const S&) = nullptr;                                             // null: nothing to show
  void (*describe)(const std::string& section, std::vector<ReferenceRow>&) = nullptr;  // null: has no keys of its own

  [[nodiscard]] constexpr Key required() const {
    Key key = *this;
    key.is_required = true;
    return key;
  }
  // Names what holds when the key is left out.
  [[nodiscard]] constexpr Key otherwise(std::string_view words) const {
    Key key = *this;
    key.absence = words;
    return key;
  }
};

template <class S>
using Keys = std::span<const Key<S>>;

// Reads the table at the cursor into `settings`; what the file leaves out stays as it is.
template <class S>
void read(const Cursor& at, Keys<S> keys, S& settings);

// Appends the reference of `keys` and of the sections inside them.
template <class S>
void describe(const std::string& section, Keys<S> keys, std::vector<ReferenceRow>& rows);

// How `name` is written as a section inside `section`.
[[nodiscard]] std::string section_text(const std::string& section, std::string_view name, Form form);

namespace detail {

template <class M>
struct MemberOf;
template <class S, class T>
struct MemberOf<T S::*> {
  using Owner = S;
  using Value = T;
};
template <auto Member>
using Owner = typename MemberOf<decltype(Member)>::Owner;
template <auto Member>
using Value = typename MemberOf<decltype(Member)>::Value;

// Stores what was read in a plain, an optional or a placed member.
template <class T, class V>
void store(T& target, V&& value, Place) {
  target = static_cast<T>(std::forward<V>(value));
}
template <class T, class V>
void store(std::optional<T>& target, V&& value, Place place) {
  store(target.emplace(), std::forward<V>(value), place);
}
template <class T, class V>
void store(Placed<T>& target, V&& value, Place place) {
  target.place = place;
  store(target.value, std::forward<V>(value), place);
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
  static std::string show(Duration value) { return in_quotes(duration_text(value)); }
};
struct SizeKind {
  static std::optional<std::int64_t> read(const Cursor& at, Range range) { return at.size(range); }
  static std::string type(Range range);
  static std::string show(std::integral auto value) { return in_quotes(size_text(static_cast<std::int64_t>(value))); }
};
// A string read by `Way::parse`.
template <class Way>
struct StringKind {
  static auto read(const Cursor& at, Range) -> std::optional<typename decltype(Way::parse({}))::value_type> {
    auto text = at.text();
    if (!text) return std::nullopt;
    auto parsed = Way::parse(*text);
    if (parsed) return std::move(*parsed);
    at.fail(parsed.error());
    return std::nullopt;
  }
  static std::string type(Range) { return std::string(Way::type); }
  static std::string show(const std::string& value) { return in_quotes(value); }
  static std::string show(const auto& value) { return in_quotes(to_string(value)); }
};
// An enum whose names are `Names`, in the order of its values from 0.
template <class E, const auto& Names>
struct ChoiceKind {
  static std::optional<E> read(const Cursor& at, Range) {
    auto index = at.choice(Names);
    return index ? std::optional(static_cast<E>(*index)) : std::nullopt;
  }
  static std::string type(Range) { return fmt::format("\"{}\"", fmt::join(Names, "\" or \"")); }
  static std::string show(E value) { return in_quotes(Names[static_cast<std::size_t>(value)]); }
};

template <class Kind, class T>
std::string show(const T& value) {
  return Kind::show(value);
}
template <class Kind, class T>
std::string show(const std::optional<T>& value) {
  return value ? show<Kind>(*value) : std::string();
}
template <class Kind, class T>
std::string show(const Placed<T>& value) {
  return show<Kind>(value.value);
}

template <auto Member, class Kind>
constexpr Key<Owner<Member>> value_key(std::string_view name, Range range, std::string_view summary) {
  using S = Owner<Member>;
  Key<S> key{.name = name, .summary = summary, .range = range};
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (auto value = Kind::read(at, self.range)) store(settings.*Member, std::move(*value), at.place());
  };
  key.type = [](const Key<S>& self) { return Kind::type(self.range); };
  key.show = [](const S& settings) { return show<Kind>(settings.*Member); };
  return key;
}

template <auto Member, const auto& Inner>
constexpr Key<Owner<Member>> section_key(std::string_view name, Form form, std::string_view summary) {
  Key<Owner<Member>> key{.name = name, .summary = summary, .form = form};
  key.describe = [](const std::string& section, std::vector<ReferenceRow>& rows) {
    config::describe(section, Inner, rows);
  };
  return key;
}

template <class S>
void read_element(const Cursor& at, Keys<S> keys, S& element) {
  std::size_t before = at.problem_count();
  read(at, keys, element);
  if constexpr (requires { element.place; }) element.place = at.place();
  if constexpr (requires { element.has_problem; }) element.has_problem = at.problem_count() != before;
}

}  // namespace detail

// --- The lines of a table of keys. `Member` is a pointer to the member that the value goes to. ---

template <auto Member>
constexpr auto boolean(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, detail::BooleanKind>(name, {}, summary);
}
template <auto Member>
constexpr auto integer(std::string_view name, Range range, std::string_view summary) {
  return detail::value_key<Member, detail::IntegerKind>(name, range, summary);
}
template <auto Member>
constexpr auto duration(std::string_view name, Range range, std::string_view summary) {
  return detail::value_key<Member, detail::DurationKind>(name, range, summary);
}
template <auto Member>
constexpr auto size(std::string_view name, Range bytes, std::string_view summary) {
  return detail::value_key<Member, detail::SizeKind>(name, bytes, summary);
}
// Way: Text, Name, IpPort or a module's own.
template <auto Member, class Way>
constexpr auto string(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, detail::StringKind<Way>>(name, {}, summary);
}
template <auto Member, const auto& Names>
constexpr auto choice(std::string_view name, std::string_view summary) {
  return detail::value_key<Member, detail::ChoiceKind<detail::Value<Member>, Names>>(name, {}, summary);
}

// A table with keys of its own, `[name]` or `name = { … }`.
template <auto Member, const auto& Inner>
constexpr auto table(std::string_view name, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::table, summary).otherwise("each key's own");
  key.read = [](const Key<S>&, const Cursor& at, S& settings) { config::read(at, Inner, settings.*Member); };
  key.type = [](const Key<S>&) { return std::string("table"); };
  return key;
}

// `[[name]]`: a vector of structs, in the order of the file. A struct's `place` is set, and its `has_problem` when
// something in it could not be read, so that later checks leave it alone.
template <auto Member, const auto& Inner>
constexpr auto tables(std::string_view name, Range count, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::tables, summary).otherwise("none");
  key.range = count;
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (at.node().kind == Kind::table) return at.fail("must have two pairs of brackets");
    if (!at.is_array(self.range)) return;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      detail::read_element(at.entry(i, at.label()), Inner, (settings.*Member).emplace_back());
    }
  };
  key.type = [](const Key<S>&) { return std::string("tables"); };
  return key;
}

// `name = ["x", { key = "x", … }]`: like tables, and an entry that is no table stands for the first key alone.
template <auto Member, const auto& Inner>
constexpr auto list(std::string_view name, Range count, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::value, summary).otherwise("none");
  key.range = count;
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (!at.is_array(self.range)) return;
    for (std::size_t i = 0; i < at.node().items.size(); ++i) {
      Cursor entry = at.entry(i, fmt::format("`{}[{}]`", self.name, i));
      auto& element = (settings.*Member).emplace_back();
      if (entry.node().kind == Kind::table) {
        detail::read_element(entry, Inner, element);
      } else {
        Inner.front().read(Inner.front(), entry, element);
      }
    }
  };
  key.type = [](const Key<S>& self) {
    return fmt::format("array of {} or table, {} to {}", Inner.front().type(Inner.front()), self.range.min,
                       self.range.max);
  };
  return key;
}

// `[name.NAME]`: a vector of structs, in the order of the file, whose `name` (a Placed string) is NAME.
template <auto Member, const auto& Inner>
constexpr auto named_tables(std::string_view name, std::string_view summary) {
  using S = detail::Owner<Member>;
  auto key = detail::section_key<Member, Inner>(name, Form::named_tables, summary).otherwise("none");
  key.read = [](const Key<S>& self, const Cursor& at, S& settings) {
    if (!at.is_table()) return;
    for (const config::Member& member : at.node().members) {
      Cursor entry = at.member(member, fmt::format("[{}.{}]", self.name, one_line(member.name)));
      auto& element = (settings.*Member).emplace_back();
      element.name = {member.name, member.place};
      if (auto valid = Name::parse(member.name); !valid)
        entry.fail_at(member.place, fmt::format("the name {}", valid.error()));
      detail::read_element(entry, Inner, element);
    }
  };
  key.type = [](const Key<S>&) { return std::string("tables by name"); };
  return key;
}

// --- Reading and describing ---

template <class S>
void read(const Cursor& at, Keys<S> keys, S& settings) {
  if (!at.is_table()) return;
  auto label = [&](const Key<S>& key) {
    return key.form == Form::value ? fmt::format("`{}`", key.name) : section_text(at.label(), key.name, key.form);
  };
  for (const Member& member : at.node().members) {
    auto key = std::ranges::find(keys, member.name, &Key<S>::name);
    if (key != keys.end()) {
      key->read(*key, at.member(member, label(*key)), settings);
      continue;
    }
    std::vector<std::string_view> names;
    for (const Key<S>& known : keys) names.push_back(known.name);
    at.fail_unknown(member, names);
  }
  for (const Key<S>& key : keys) {
    if (key.is_required && at.node().find(key.name) == nullptr) at.fail_missing(label(key));
  }
}

template <class S>
void describe(const std::string& section, Keys<S> keys, std::vector<ReferenceRow>& rows) {
  const S standard{};
  for (const Key<S>& key : keys) {
    std::string text = key.show != nullptr ? key.show(standard) : std::string();
    if (!key.absence.empty()) text = key.absence;
    if (key.is_required) text = "required";
    rows.push_back({section, std::string(key.name), key.type(key), std::move(text), std::string(key.summary)});
  }
  for (const Key<S>& key : keys) {
    if (key.describe != nullptr) key.describe(section_text(section, key.name, key.form), rows);
  }
}

}  // namespace sluice::config
