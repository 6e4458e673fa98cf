#include "pattern.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "checksum.hpp"

namespace sluice::origin {

Pattern::Pattern() {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  Random random(0);
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < period; ++i, word >>= 8) {
    if (i % 8 == 0) word = random.next();
    block_[i] = alphabet[word % alphabet.size()];
  }
  block_checksum_ = checksum_of({block_.data(), period});
}

std::string_view Pattern::at(std::uint64_t offset, std::uint64_t bytes) const {
  std::size_t begin = offset % period;
  return {block_.data() + begin, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, period - begin))};
}

std::uint32_t Pattern::checksum(std::uint64_t bytes) const {
  std::uint32_t sum = 0;
  // Whole blocks, of which 1, 2, 4... are joined at a time.
  std::uint32_t run = block_checksum_;
  std::uint64_t run_bytes = period;
  for (std::uint64_t blocks = bytes / period; blocks != 0; blocks >>= 1) {
    if ((blocks & 1) != 0) sum = joined_checksum(sum, run, run_bytes);
    run = joined_checksum(run, run, run_bytes);
    run_bytes *= 2;
  }
  std::uint64_t rest = bytes % period;
  return joined_checksum(sum, checksum_of(at(0, rest)), rest);
}

}  // namespace sluice::origin
