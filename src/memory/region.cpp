#include "memory/region.hpp"

#include <sys/mman.h>

#include <cstdlib>

namespace sluice::memory {

namespace {
constexpr std::size_t huge_page_bytes = 2 * 1024 * 1024;

std::size_t rounded(std::size_t bytes) { return (bytes + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes; }
}  // namespace

Region::Region(std::size_t bytes) : bytes_(bytes < huge_page_bytes ? bytes : rounded(bytes)) {
  void* mapped = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) std::abort();
  if (bytes_ >= huge_page_bytes) (void)::madvise(mapped, bytes_, MADV_HUGEPAGE);
  data_ = static_cast<char*>(mapped);
}

Region::~Region() { ::munmap(data_, bytes_); }

}  // namespace sluice::memory
