#include "http/lines.hpp"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <bit>

#include "http/bytes.hpp"

namespace sluice::http {
namespace {

bool is_control(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

#ifdef __SSE2__
constexpr std::size_t half_bytes = 16;
constexpr std::size_t block_bytes = 2 * half_bytes;

__m128i load_half(const char* from) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from)); }

std::uint32_t special_mask_of_half(const char* from) {
  __m128i bytes = load_half(from);
  __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  __m128i is_del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(is_low, is_del)));
}

// Bit i: byte i is a control character. HTAB is one too: it is too rare to be sorted out here.
std::uint32_t special_mask(const char* from) {
  return special_mask_of_half(from) | special_mask_of_half(from + half_bytes) << half_bytes;
}
#endif

std::size_t find_colon(std::string_view line) {
  std::size_t at = 0;
#ifdef __SSE2__
  // Names are short: a call of memchr costs more than the search.
  for (; line.size() - at >= half_bytes; at += half_bytes) {
    __m128i is_colon = _mm_cmpeq_epi8(load_half(line.data() + at), _mm_set1_epi8(':'));
    auto mask = static_cast<std::uint32_t>(_mm_movemask_epi8(is_colon));
    if (mask != 0) return at + static_cast<std::size_t>(std::countr_zero(mask));
  }
#endif
  while (at < line.size() && line[at] != ':') ++at;
  return at;
}

}  // namespace

void LineScan::run(std::string_view bytes, std::size_t from) noexcept {
  std::size_t at = from;
#ifdef __SSE2__
  for (; bytes.size() - at >= block_bytes; at += block_bytes) {
    if (!block(bytes, at, special_mask(bytes.data() + at))) return;
  }
  if (at != bytes.size() && bytes.size() >= block_bytes) {
    // The rest is looked at together with bytes that are known already.
    std::size_t begin = bytes.size() - block_bytes;
    block(bytes, begin, special_mask(bytes.data() + begin) & ~std::uint32_t{0} << (at - begin));
    return;
  }
#endif
  while (at < bytes.size()) {
    unsigned taken = is_control(bytes[at]) ? special(bytes, at) : 1;
    if (taken == 0) return;
    at += taken;
  }
}

bool LineScan::block(std::string_view bytes, std::size_t begin, std::uint32_t mask) noexcept {
  while (mask != 0) {
    int bit = std::countr_zero(mask);
    unsigned taken = special(bytes, begin + static_cast<std::size_t>(bit));
    if (taken == 0) return false;
    mask &= ~(((std::uint32_t{1} << taken) - 1) << bit);
  }
  return true;
}

unsigned LineScan::special(std::string_view bytes, std::size_t at) noexcept {
  char c = bytes[at];
  if (c == '\r') {
    if (at + 1 == bytes.size()) return 0;  // the next byte decides
    if (bytes[at + 1] == '\n') {
      // Every CR before is known to be followed by LF and every LF to follow CR, so that one byte tells.
      if (at == 0 || bytes[at - 1] == '\n') {
        end_ = End::blank_line;
        stop_ = at + 2;
        return 0;
      }
      if (count_ < max_lines) line_ends_[count_] = static_cast<std::uint32_t>(at);
      ++count_;
      return 2;
    }
  }
  if (c == '\t') return 1;
  // A line end that the beginning of a block or of the scan cut in two.
  if (c == '\n' && at != 0 && bytes[at - 1] == '\r') return 1;
  end_ = End::fault;
  fault_ = c == '\r' ? Reject::bare_cr : c == '\n' ? Reject::bare_lf : Reject::control_byte;
  return 0;
}

Reject parse_field_line(std::string_view line, Field& out) noexcept {
  // RFC 9112 §5.2: a line that continues the one before, or (§2.2) white space behind the start line.
  if (line.front() == ' ' || line.front() == '\t') return Reject::obs_fold;
  std::size_t colon = find_colon(line);
  if (colon == 0 || colon == line.size()) return Reject::bad_field_name;
  std::string_view name = line.substr(0, colon);
  // RFC 9112 §5.1: no white space between name and colon.
  if (name.back() == ' ' || name.back() == '\t') return Reject::space_before_colon;
  out.id = field_id(name);
  if (out.id == FieldId::other && !is_token(name)) return Reject::bad_field_name;
  out.name = name;
  out.value = ascii::trim_ows(line.substr(colon + 1));
  return Reject::none;
}

}  // namespace sluice::http
