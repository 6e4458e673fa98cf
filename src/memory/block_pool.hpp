#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace sluice::memory {

class BlockPool;

// What: one block of a BlockPool, given back when the handle ends. Empty when the pool had none.
class Block {
 public:
  Block() = default;
  Block(Block&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::exchange(other.bytes_, nullptr)) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      reset();
      pool_ = std::exchange(other.pool_, nullptr);
      bytes_ = std::exchange(other.bytes_, nullptr);
    }
    return *this;
  }
  ~Block() { reset(); }

  explicit operator bool() const { return bytes_ != nullptr; }
  [[nodiscard]] std::span<char> span() const;
  [[nodiscard]] char* data() const { return bytes_; }
  void reset() noexcept;

 private:
  friend class BlockPool;
  Block(BlockPool& pool, char* bytes) : pool_(&pool), bytes_(bytes) {}
  BlockPool* pool_ = nullptr;
  char* bytes_ = nullptr;
};

// What: blocks of one size, up to a fixed number; taken last-in first-out so that a warm block is used again.
// Shard: owned by one shard.
// Lifetime: as long as its shard; outlives every Block.
// Invariants: outstanding() blocks are out; what the pool holds is poisoned; it never has more than count_max.
class BlockPool {
 public:
  // block_bytes: size of each, a multiple of 16; count_max: how many may be out at once. Blocks are made when first
  // needed.
  BlockPool(std::size_t block_bytes, std::size_t count_max);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // An empty Block where count_max are out already.
  [[nodiscard]] Block take() noexcept;

  [[nodiscard]] std::size_t block_bytes() const { return block_bytes_; }
  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }
  // How many there are: as many as were ever out at once.
  [[nodiscard]] std::size_t count() const { return all_.size(); }
  [[nodiscard]] std::size_t count_max() const { return count_max_; }

 private:
  friend class Block;
  void give_back(char* bytes) noexcept;

  std::size_t block_bytes_;
  std::size_t count_max_;
  std::size_t outstanding_ = 0;
  std::vector<char*> free_;
  std::vector<char*> all_;
};

inline std::span<char> Block::span() const {
  return bytes_ == nullptr ? std::span<char>() : std::span<char>(bytes_, pool_->block_bytes());
}

inline void Block::reset() noexcept {
  if (bytes_ != nullptr) pool_->give_back(std::exchange(bytes_, nullptr));
  pool_ = nullptr;
}

}  // namespace sluice::memory
