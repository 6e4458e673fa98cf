#include "memory/poison.hpp"

#include <doctest/doctest.h>

#include <cstddef>

#include "base/death.hpp"
#include "memory/block_pool.hpp"
#include "memory/frame_pool.hpp"

#if SLUICE_POISONS_MEMORY

namespace sluice::memory {
namespace {

// Planted mistakes: each touches memory that a pool holds.
void read_released_frame() {
  FramePool pool;
  auto* frame = static_cast<volatile char*>(pool.allocate(200));
  frame[100] = 1;
  pool.release(const_cast<char*>(frame), 200);
  (void)frame[100];
}

void write_released_frame() {
  FramePool pool;
  auto* frame = static_cast<volatile char*>(pool.allocate(200));
  pool.release(const_cast<char*>(frame), 200);
  frame[0] = 1;
}

void write_behind_newest_frame() {
  FramePool pool;
  auto* frame = static_cast<volatile char*>(pool.allocate(64));
  frame[64] = 1;
}

void read_released_block() {
  BlockPool pool(4096, 1);
  volatile char* bytes = pool.take().data();
  (void)bytes[4095];
}

void write_released_block() {
  BlockPool pool(4096, 1);
  volatile char* bytes = pool.take().data();
  bytes[0] = 1;
}

TEST_CASE("touching what a pool holds is caught") {
  struct Row {
    const char* what;
    void (*action)();
  };
  const Row rows[] = {
      {"read a frame", read_released_frame},
      {"write a frame", write_released_frame},
      {"write behind a frame", write_behind_newest_frame},
      {"read a block", read_released_block},
      {"write a block", write_released_block},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    test::Death death = test::death_of(row.action);
    CHECK(death.died);
    CHECK(death.report.contains("use-after-poison"));
  }
}

TEST_CASE("touching what a pool handed out is not") {
  test::Death death = test::death_of([] {
    FramePool frames;
    BlockPool blocks(4096, 1);
    for (int i = 0; i < 3; ++i) {
      auto* frame = static_cast<volatile char*>(frames.allocate(200));
      frame[199] = 1;
      frames.release(const_cast<char*>(frame), 200);
      Block block = blocks.take();
      block.span().back() = 1;
    }
  });
  CHECK_FALSE(death.died);
}

}  // namespace
}  // namespace sluice::memory

#endif
