#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <string>

#include "http/writer.hpp"

namespace sluice::http {

// Runs `write` with exactly the room it needs, and sees that it says so when a byte less is there.
template <class Write>
std::string written(Write&& write) {
  std::array<char, 8192> out;
  Writer writer(out);
  write(writer);
  REQUIRE(!writer.overflowed());
  std::string text(writer.text());
  for (std::size_t room = 0; room <= text.size(); ++room) {
    std::string tight(room, '\0');
    Writer bounded(tight);
    write(bounded);
    CHECK(bounded.overflowed() == (room < text.size()));
    CHECK(text.starts_with(bounded.text()));
  }
  return text;
}

}  // namespace sluice::http
