#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/configuration.hpp"

namespace sluice::micro {

// A listener "public", an upstream "api", and `more` of a file. Ends the program where that cannot be read.
inline proxy::Configuration configuration_with(std::string_view more) {
  constexpr std::string_view begin = R"([[listener]]
name = "public"
address = "127.0.0.1:8080"
[upstream.api]
endpoints = ["127.0.0.1:9001"]
)";
  auto configuration = proxy::parse_configuration("bench.toml", std::string(begin) + std::string(more));
  if (!configuration) {
    for (const std::string& line : configuration.error()) std::fprintf(stderr, "%s\n", line.c_str());
    std::exit(1);
  }
  return *std::move(configuration);
}

}  // namespace sluice::micro
