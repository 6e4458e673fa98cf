#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/problems.hpp"

namespace sluice::config {

struct Node;

// The value as TOML, with `${…}` as the file has it; empty where no variable stands in it.
[[nodiscard]] std::string text_with_variables(const Node& node);

// What: what the file says of the keys of one table: where each stands, and whether it could be read. Each settings
//       struct has one, so that later checks say nothing that follows from what was told already, nothing shows what
//       came out of the environment, and messages can name a key's place.
// Invariants: two are equal whatever they hold: a file that says the same elsewhere says the same.
class Given {
 public:
  Given() = default;
  // is_partial: some of the files could not be read; what is left out here may stand there.
  Given(Place place, bool is_partial) : place_(place), is_partial_(is_partial) {}

  // Where the table begins.
  [[nodiscard]] Place place() const { return place_; }
  [[nodiscard]] bool is_partial() const { return is_partial_; }

  // Whether the key stands there, be it with a mistake.
  [[nodiscard]] bool has(std::string_view key) const;
  // Where its value stands; the table's place where it is left out.
  [[nodiscard]] Place place_of(std::string_view key) const;
  // Whether the settings have what was meant: what the key says, or what holds without it. Of a section this says only
  // that there is one to be read; what is in it has a Given of its own.
  [[nodiscard]] bool is_sound(std::string_view key) const;
  template <class... Keys>
  [[nodiscard]] bool are_sound(Keys... keys) const {
    return (is_sound(keys) && ...);
  }
  // The same for every key, known and unknown.
  [[nodiscard]] bool is_clean() const { return !has_mistake_; }
  // Whether there is a key that nothing known was meant by, as far as can be told.
  [[nodiscard]] bool has_unknown_key() const { return has_unknown_key_; }
  // A value with variables in it, as TOML; empty: there is none.
  [[nodiscard]] std::string_view written(std::string_view key) const;

  // While the table is read.
  void spoil() { has_mistake_ = true; }
  void add(std::string_view key, Place place, bool is_sound);
  void add_written(std::string_view key, std::string text);
  // An unknown key; meant: what it may have been meant for, or nothing.
  void add_unknown(Place place, std::string_view meant);
  // What is left out here is as it is there.
  void inherit(const Given& outer);
  // The same of one key alone.
  void inherit(const Given& outer, std::string_view key);

  friend bool operator==(const Given&, const Given&) { return true; }

 private:
  struct Entry {
    std::string_view key;  // of the key table
    Place place;
    bool is_sound = true;
    bool is_guess = false;  // not there; an unknown key may have been meant for it
  };
  struct Written {
    std::string_view key;
    std::string text;
  };
  [[nodiscard]] const Entry* find(std::string_view key) const;

  Place place_;
  bool is_partial_ = false;
  bool has_mistake_ = false;
  bool has_unknown_key_ = false;
  std::vector<Entry> entries_;
  std::vector<Written> written_;
};

}  // namespace sluice::config
