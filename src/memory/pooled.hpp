#pragma once

#include <cstddef>

#include "memory/frame_pool.hpp"

namespace sluice::memory {

// Base of classes whose objects come and go with connections: `new` and `delete` use the thread's FramePool.
class Pooled {
 public:
  static void* operator new(std::size_t bytes) { return FramePool::of_this_thread().allocate(bytes); }
  static void operator delete(void* object, std::size_t bytes) { FramePool::of_this_thread().release(object, bytes); }

 protected:
  ~Pooled() = default;
};

}  // namespace sluice::memory
