// Accept: case makes no difference, and nothing is better than plain text that is as good as can be.
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "http/accept.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace sluice::http;
  const std::string accept(reinterpret_cast<const char*>(input), size);
  const ErrorFormat format = choose_error_format(accept);
  std::string other_case = accept;
  for (char& c : other_case) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) c = static_cast<char>(std::isupper(byte) != 0 ? std::tolower(byte) : std::toupper(byte));
  }
  SLUICE_ASSERT(choose_error_format(other_case) == format);
  SLUICE_ASSERT(choose_error_format("text/plain;q=1.000, " + accept) == ErrorFormat::text);
  SLUICE_ASSERT(choose_error_format(accept + ", text/plain") == ErrorFormat::text);
  SLUICE_ASSERT(choose_error_format(", ," + accept) == format);
  return 0;
}
