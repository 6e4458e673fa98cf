#include "memory/frame_pool.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/random.hpp"
#include "memory/heap.hpp"
#include "memory/pooled.hpp"

namespace sluice::memory {
namespace {

constexpr std::size_t chunk_bytes = 128 * 1024;
constexpr std::size_t pooled_bytes_max = 16 * 1024;

TEST_CASE("what is released is handed out again, by its size class") {
  struct Row {
    std::size_t released;
    std::size_t asked;
    bool is_reused;
  };
  const Row rows[] = {
      {1, 1, true},    {1, 64, true},      {64, 1, true},         {65, 128, true},   {pooled_bytes_max, 16321, true},
      {64, 65, false}, {128, 129, false},  {65, 64, false},       {4096, 64, false}, {64, 4096, false},
      {128, 1, false}, {1024, 960, false}, {16320, 16321, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.released);
    CAPTURE(row.asked);
    FramePool pool;
    void* first = pool.allocate(row.released);
    pool.release(first, row.released);
    void* second = pool.allocate(row.asked);
    CHECK((first == second) == row.is_reused);
    pool.release(second, row.asked);
  }
}

TEST_CASE("last in, first out") {
  FramePool pool;
  void* a = pool.allocate(200);
  void* b = pool.allocate(200);
  CHECK(a != b);
  pool.release(a, 200);
  pool.release(b, 200);
  CHECK(pool.allocate(200) == b);
  CHECK(pool.allocate(200) == a);
  pool.release(a, 200);
  pool.release(b, 200);
}

TEST_CASE("blocks never overlap, and are aligned for anything") {
  struct Taken {
    unsigned char* memory;
    std::size_t bytes;
    unsigned char mark;
  };
  FramePool pool;
  Random random(17);
  std::vector<Taken> taken;
  auto release = [&](std::size_t index) {
    Taken block = taken[index];
    for (std::size_t i = 0; i < block.bytes; ++i) REQUIRE(block.memory[i] == block.mark);
    pool.release(block.memory, block.bytes);
    taken[index] = taken.back();
    taken.pop_back();
  };
  for (int step = 0; step < 4000; ++step) {
    if (taken.size() > 60 || (!taken.empty() && random.one_in(2))) {
      release(random.below(taken.size()));
    } else {
      std::size_t bytes = 1 + random.below(random.one_in(8) ? 2 * pooled_bytes_max : 700);
      auto* memory = static_cast<unsigned char*>(pool.allocate(bytes));
      REQUIRE(reinterpret_cast<std::uintptr_t>(memory) % alignof(std::max_align_t) == 0);
      auto mark = static_cast<unsigned char>(step);
      std::memset(memory, mark, bytes);
      taken.push_back({memory, bytes, mark});
    }
    REQUIRE(pool.outstanding() == taken.size());
  }
  while (!taken.empty()) release(0);
  CHECK(pool.outstanding() == 0);
}

TEST_CASE("chunks are kept, and large blocks are not its own") {
  FramePool pool;
  CHECK(pool.bytes_held() == 0);
  std::vector<void*> blocks;
  blocks.reserve(2048);
  for (int i = 0; i < 2048; ++i) blocks.push_back(pool.allocate(64));
  CHECK(pool.bytes_held() == chunk_bytes);
  blocks.push_back(pool.allocate(64));
  CHECK(pool.bytes_held() == 2 * chunk_bytes);
  for (void* block : blocks) pool.release(block, 64);
  CHECK(pool.bytes_held() == 2 * chunk_bytes);

  void* large = pool.allocate(pooled_bytes_max + 1);
  CHECK(pool.bytes_held() == 2 * chunk_bytes);
  CHECK(pool.outstanding() == 1);
  pool.release(large, pooled_bytes_max + 1);
  CHECK(pool.outstanding() == 0);
}

TEST_CASE("a warm pool asks the heap for nothing") {
  FramePool pool;
  const std::size_t sizes[] = {40, 64, 200, 1000, pooled_bytes_max};
  for (std::size_t bytes : sizes) pool.release(pool.allocate(bytes), bytes);
  const std::uint64_t before = heap_allocations_of_this_thread();
  for (int i = 0; i < 1000; ++i) {
    for (std::size_t bytes : sizes) pool.release(pool.allocate(bytes), bytes);
  }
  CHECK(heap_allocations_of_this_thread() == before);
}

struct Object final : Pooled {
  explicit Object(int initial) : value(initial) {}
  int value;
  char rest[500]{};
};

TEST_CASE("a pooled object lives in the thread's pool") {
  FramePool& pool = FramePool::of_this_thread();
  const std::size_t before = pool.outstanding();
  auto* object = new Object(3);
  CHECK(object->value == 3);
  CHECK(pool.outstanding() == before + 1);
  delete object;
  CHECK(pool.outstanding() == before);
}

}  // namespace
}  // namespace sluice::memory
