#include "config/given.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "config/document.hpp"
#include "config/toml_text.hpp"

namespace sluice::config {
namespace {

bool has_variable(const Node& node) {
  if (!node.written.empty()) return true;
  return std::ranges::any_of(node.items, has_variable) ||
         std::ranges::any_of(node.members, has_variable, &Member::value);
}

std::string toml_of(const Node& node) {
  switch (node.kind) {
    case Kind::string:
      return node.written.empty() ? toml_string(node.text) : toml_literal(node.written);
    case Kind::integer:
      return fmt::to_string(node.integer);
    case Kind::boolean:
      return node.integer != 0 ? "true" : "false";
    case Kind::number:
    case Kind::moment:
      return node.text;
    case Kind::array: {
      std::vector<std::string> values;
      std::ranges::transform(node.items, std::back_inserter(values), toml_of);
      return toml_array(values);
    }
    case Kind::table: {
      std::vector<std::pair<std::string, std::string>> members;
      members.reserve(node.members.size());
      for (const Member& member : node.members) members.emplace_back(member.name, toml_of(member.value));
      return toml_table(members);
    }
  }
  return {};
}

}  // namespace

std::string text_with_variables(const Node& node) { return has_variable(node) ? toml_of(node) : std::string(); }

const Given::Entry* Given::find(std::string_view key) const {
  auto entry = std::ranges::find(entries_, key, &Entry::key);
  return entry == entries_.end() ? nullptr : &*entry;
}

bool Given::has(std::string_view key) const {
  const Entry* entry = find(key);
  return entry != nullptr && !entry->is_guess;
}

Place Given::place_of(std::string_view key) const { return has(key) ? find(key)->place : place_; }

bool Given::is_sound(std::string_view key) const {
  const Entry* entry = find(key);
  return entry == nullptr ? !is_partial_ : entry->is_sound;
}

std::string_view Given::written(std::string_view key) const {
  auto found = std::ranges::find(written_, key, &Written::key);
  return found == written_.end() ? std::string_view() : found->text;
}

void Given::add(std::string_view key, Place place, bool is_sound) {
  has_mistake_ = has_mistake_ || !is_sound;
  auto guess = std::ranges::find(entries_, key, &Entry::key);
  if (guess != entries_.end()) {
    *guess = {key, place, is_sound};
  } else {
    entries_.push_back({key, place, is_sound});
  }
}

void Given::add_written(std::string_view key, std::string text) { written_.push_back({key, std::move(text)}); }

void Given::add_unknown(Place place, std::string_view meant) {
  has_mistake_ = true;
  if (meant.empty() || has(meant)) {
    has_unknown_key_ = true;
  } else if (find(meant) == nullptr) {
    entries_.push_back({meant, place, false, true});
  }
}

void Given::inherit(const Given& outer) {
  for (const Entry& entry : outer.entries_) inherit(outer, entry.key);
}

void Given::inherit(const Given& outer, std::string_view key) {
  const Entry* entry = outer.find(key);
  if (entry == nullptr || find(key) != nullptr) return;
  entries_.push_back(*entry);
  if (const std::string_view text = outer.written(key); !text.empty()) add_written(entry->key, std::string(text));
}

}  // namespace sluice::config
