#include "memory/heap.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <thread>
#include <vector>

namespace sluice::memory {
namespace {

struct alignas(256) Aligned {
  char bytes[256];
};

// Not a `new` expression: the compiler may leave those out.
template <class... Options>
void take_and_give(std::size_t bytes, Options... options) {
  void* volatile memory = ::operator new(bytes, options...);
  CHECK(memory != nullptr);
  ::operator delete(memory, options...);
}

TEST_CASE("every way of asking the heap is counted once") {
  const std::uint64_t start = heap_allocations_of_this_thread();
  take_and_give(1);
  CHECK(heap_allocations_of_this_thread() == start + 1);
  take_and_give(0);
  CHECK(heap_allocations_of_this_thread() == start + 2);
  take_and_give(100'000);
  CHECK(heap_allocations_of_this_thread() == start + 3);
  take_and_give(8, std::nothrow);
  CHECK(heap_allocations_of_this_thread() == start + 4);
  take_and_give(64, std::align_val_t{4096});
  CHECK(heap_allocations_of_this_thread() == start + 5);
  take_and_give(64, std::align_val_t{4096}, std::nothrow);
  CHECK(heap_allocations_of_this_thread() == start + 6);
  std::vector<int> numbers(100);
  CHECK(heap_allocations_of_this_thread() == start + 7);
  numbers.clear();
  numbers.resize(100);
  CHECK(heap_allocations_of_this_thread() == start + 7);
}

TEST_CASE("alignment is kept") {
  for (int i = 0; i < 10; ++i) {
    auto object = std::make_unique<Aligned>();
    CHECK(reinterpret_cast<std::uintptr_t>(object.get()) % alignof(Aligned) == 0);
    object->bytes[255] = 1;
  }
}

TEST_CASE("each thread counts its own") {
  const std::uint64_t start = heap_allocations_of_this_thread();
  std::uint64_t elsewhere = 0;
  std::thread thread([&elsewhere] {
    const std::uint64_t before = heap_allocations_of_this_thread();
    for (int i = 0; i < 50; ++i) take_and_give(10);
    elsewhere = heap_allocations_of_this_thread() - before;
  });
  thread.join();
  CHECK(elsewhere == 50);
  CHECK(heap_allocations_of_this_thread() - start <= 2);  // the thread's own state
}

TEST_CASE("the heap has a name") {
#if SLUICE_USE_MIMALLOC
  CHECK(std::string_view(heap_name()).starts_with("mimalloc"));
#else
  CHECK(std::string_view(heap_name()) == "libc");
#endif
}

}  // namespace
}  // namespace sluice::memory
