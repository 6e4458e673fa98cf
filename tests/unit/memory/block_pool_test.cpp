#include "memory/block_pool.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/death.hpp"
#include "memory/heap.hpp"

namespace sluice::memory {
namespace {

TEST_CASE("there are as many blocks as were promised, and no more") {
  const std::size_t counts[] = {0, 1, 2, 33};
  for (std::size_t count_max : counts) {
    CAPTURE(count_max);
    BlockPool pool(64, count_max);
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < count_max; ++i) {
      blocks.push_back(pool.take());
      REQUIRE(blocks.back());
      std::memset(blocks.back().data(), 0x5a, blocks.back().span().size());
    }
    for (int i = 0; i < 3; ++i) CHECK_FALSE(pool.take());
    CHECK(pool.outstanding() == count_max);
    if (count_max == 0) continue;
    char* last = blocks.back().data();
    blocks.pop_back();
    CHECK(pool.outstanding() == count_max - 1);
    Block again = pool.take();
    CHECK(again.data() == last);
    CHECK_FALSE(pool.take());
  }
}

TEST_CASE("the block that was used last is used next") {
  BlockPool pool(4096, 4);
  Block a = pool.take();
  Block b = pool.take();
  char* first = a.data();
  char* second = b.data();
  b.reset();
  a.reset();
  CHECK(pool.take().data() == first);
  a = pool.take();
  b = pool.take();
  CHECK(a.data() == first);
  CHECK(b.data() == second);
}

TEST_CASE("a block moves with its handle") {
  BlockPool pool(128, 2);
  Block a = pool.take();
  char* bytes = a.data();
  CHECK(a.span().size() == 128);
  CHECK(reinterpret_cast<std::uintptr_t>(bytes) % 4096 == 0);
  Block b = std::move(a);
  CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): what is promised of it
  CHECK(a.span().empty());
  CHECK(b.data() == bytes);
  CHECK(pool.outstanding() == 1);
  Block& same = b;
  b = std::move(same);
  CHECK(b.data() == bytes);
  b = pool.take();  // the old one goes back
  CHECK(pool.outstanding() == 1);
  CHECK(b.data() != bytes);
  b.reset();
  b.reset();
  CHECK(pool.outstanding() == 0);
}

TEST_CASE("blocks are made when first needed, and then kept") {
  const std::uint64_t start = heap_allocations_of_this_thread();
  BlockPool pool(1024, 8);
  const std::uint64_t empty = heap_allocations_of_this_thread();
  CHECK(empty - start <= 2);  // the lists
  {
    Block block = pool.take();
  }
  const std::uint64_t warm = heap_allocations_of_this_thread();
  CHECK(warm == empty + 1);
  for (int i = 0; i < 100; ++i) Block block = pool.take();
  CHECK(heap_allocations_of_this_thread() == warm);
}

TEST_CASE("a pool does not end before its blocks") {
  test::Death death = test::death_of([] {
    static Block block;
    BlockPool pool(64, 1);
    block = pool.take();
  });
  CHECK(death.died);
  CHECK(death.report.contains("outstanding_ == 0"));
}

}  // namespace
}  // namespace sluice::memory
