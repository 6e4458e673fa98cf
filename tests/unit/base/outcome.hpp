#pragma once

#include <string_view>

#include "base/error.hpp"

namespace sluice::test {

// "ok", or the error's code: what a failed check should print.
template <class T>
[[nodiscard]] std::string_view outcome(const Result<T>& result) {
  return result ? "ok" : to_string(result.error().code);
}

}  // namespace sluice::test
