#include "runtime/snapshot.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace sluice::runtime {
namespace {

// What: a value that says when it is gone.
class Value {
 public:
  Value(int number, std::atomic<int>& alive) : number_(number), alive_(alive) { ++alive_; }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() {
    number_ = -1;
    --alive_;
  }
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
  std::atomic<int>& alive_;
};
using Publisher = SnapshotPublisher<Value>;
using Reader = SnapshotReader<Value>;

// What: a publisher with numbered values.
struct Source {
  explicit Source(unsigned readers) : publisher(std::make_unique<Value>(0, alive), readers) {}
  void publish() { publisher.publish(std::make_unique<Value>(++last, alive)); }
  std::atomic<int> alive{0};
  int last = 0;
  Publisher publisher;
};

TEST_CASE("a reader sees the newest value after its next look") {
  Source source(1);
  Reader reader(source.publisher.newest(), nullptr);
  CHECK(reader.current().number() == 0);
  CHECK_FALSE(reader.refresh());
  source.publish();
  CHECK(reader.current().number() == 0);
  CHECK(source.publisher.latest().number() == 1);
  CHECK(source.publisher.generation() == 2);
  CHECK(reader.refresh());
  CHECK(reader.current().number() == 1);
  CHECK_FALSE(reader.refresh());
  CHECK(source.publisher.reclaim() == 1);
  CHECK(source.alive == 1);
}

TEST_CASE("values that were skipped are freed") {
  Source source(1);
  Reader reader(source.publisher.newest(), nullptr);
  for (int i = 0; i < 5; ++i) source.publish();
  CHECK(source.publisher.reclaim() == 6);
  CHECK(reader.refresh());
  CHECK(reader.current().number() == 5);
  CHECK(reader.held() == 1);
  CHECK(source.publisher.reclaim() == 1);
  CHECK(source.alive == 1);
}

TEST_CASE("a value lives until the last shard is done with it") {
  Source source(3);
  std::vector<std::unique_ptr<Reader>> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) readers.push_back(std::make_unique<Reader>(source.publisher.newest(), nullptr));
  source.publish();
  CHECK(readers[0]->refresh());
  CHECK(source.publisher.reclaim() == 2);
  Reader::Lease lease = readers[1]->lease();
  CHECK(readers[1]->refresh());
  CHECK(readers[2]->refresh());
  CHECK(source.publisher.reclaim() == 2);
  CHECK(lease->number() == 0);
  lease.reset();
  CHECK(source.publisher.reclaim() == 1);
  source.publish();
  readers.pop_back();  // a shard that ends is done with what it has
  CHECK(readers[0]->refresh());
  CHECK(readers[1]->refresh());
  // The one that ended never came to see the newest, and need not.
  CHECK(source.publisher.reclaim() == 1);
}

TEST_CASE("what is published after a shard has ended does not wait for it") {
  for (bool is_reclaimed_between : {false, true}) {
    CAPTURE(is_reclaimed_between);
    Source source(2);
    Reader stays(source.publisher.newest(), nullptr);
    auto ends = std::make_unique<Reader>(source.publisher.newest(), nullptr);
    source.publish();
    CHECK(ends->refresh());
    source.publish();  // before it ends, and never seen by it
    ends.reset();
    if (is_reclaimed_between) CHECK(source.publisher.reclaim() == 3);
    for (int i = 0; i < 5; ++i) {
      source.publish();
      CHECK(stays.refresh());
      CHECK(source.publisher.reclaim() == 1);
    }
    Reader::Lease lease = stays.lease();
    source.publish();
    CHECK(stays.refresh());
    CHECK(source.publisher.reclaim() == 2);
    CHECK(lease->number() == source.last - 1);
    lease.reset();
    CHECK(source.publisher.reclaim() == 1);
    CHECK(source.alive == 1);
  }
}

TEST_CASE("when every shard has ended, the newest value is what is left") {
  Source source(3);
  std::vector<std::unique_ptr<Reader>> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i) readers.push_back(std::make_unique<Reader>(source.publisher.newest(), nullptr));
  for (std::unique_ptr<Reader>& reader : readers) {
    source.publish();
    CHECK(reader->refresh());
    reader.reset();
    source.publish();
  }
  CHECK(source.publisher.reclaim() == 1);
  source.publish();
  CHECK(source.publisher.reclaim() == 1);
  CHECK(source.alive == 1);
}

TEST_CASE("a lease knows whether something newer has been seen") {
  Source source(1);
  Reader reader(source.publisher.newest(), nullptr);
  Reader::Lease lease = reader.lease();
  CHECK(lease.is_current());
  CHECK(lease.generation() == 1);
  source.publish();
  CHECK(lease.is_current());
  CHECK(reader.refresh());
  CHECK_FALSE(lease.is_current());
  CHECK(lease.generation() == 1);
  CHECK(reader.lease().is_current());
}

TEST_CASE("a held lease keeps its own value, and only that one") {
  Source source(1);
  Reader reader(source.publisher.newest(), nullptr);
  std::optional<Reader::Lease> old = reader.lease();
  Reader::Lease same = reader.lease();
  for (int i = 1; i <= 10; ++i) {
    source.publish();
    CHECK(reader.refresh());
    CHECK(reader.held() == 2);
    CHECK(source.publisher.reclaim() == 2);
  }
  CHECK((*old)->number() == 0);
  CHECK((**old).number() == 0);
  old.reset();
  CHECK(source.publisher.reclaim() == 2);
  CHECK(same->number() == 0);
  same.reset();
  CHECK(reader.held() == 1);
  CHECK(source.publisher.reclaim() == 1);
}

TEST_CASE("ten thousand publications while a lease is held") {
  Source source(2);
  Reader holder(source.publisher.newest(), nullptr);
  Reader other(source.publisher.newest(), nullptr);
  Reader::Lease lease = holder.lease();
  std::size_t most = 0;
  for (int i = 0; i < 10'000; ++i) {
    source.publish();
    holder.refresh();
    if (i % 3 == 0) other.refresh();  // skips two in three
    most = std::max(most, source.publisher.reclaim());
  }
  CHECK(most <= 5);
  CHECK(lease->number() == 0);
  lease.reset();
  other.refresh();
  CHECK(source.publisher.reclaim() == 1);
  CHECK(source.alive == 1);
}

TEST_CASE("a lease moves, and is given back once") {
  Source source(1);
  Reader reader(source.publisher.newest(), nullptr);
  Reader::Lease empty;
  CHECK_FALSE(empty);
  Reader::Lease a = reader.lease();
  source.publish();
  CHECK(reader.refresh());
  Reader::Lease b = std::move(a);
  CHECK_FALSE(a);  // NOLINT(bugprone-use-after-move): what is promised of it
  CHECK(b);
  CHECK(reader.held() == 2);
  b = reader.lease();
  CHECK(b->number() == 1);
  CHECK(reader.held() == 1);
  b.reset();
  b.reset();
  CHECK(source.publisher.reclaim() == 1);
}

TEST_CASE("the control thread is told whenever a shard lets go") {
  Source source(1);
  int told = 0;
  {
    Reader reader(source.publisher.newest(), [&] { ++told; });
    source.publish();
    source.publish();
    CHECK(told == 0);
    reader.refresh();
    CHECK(told == 2);  // the first, and the one that was skipped
    Reader::Lease lease = reader.lease();
    source.publish();
    reader.refresh();
    CHECK(told == 2);
    lease.reset();
    CHECK(told == 3);
  }
  CHECK(told == 4);
}

TEST_CASE("publisher and readers on their own threads") {
  constexpr unsigned threads = 3;
  constexpr int publications = 3000;
  Source source(threads);
  SnapshotNode<Value>* first = source.publisher.newest();
  std::atomic<unsigned> ended{0};
  std::atomic<bool> failed{false};
  std::vector<std::thread> shards;
  shards.reserve(threads);
  for (unsigned shard = 0; shard < threads; ++shard) {
    shards.emplace_back([&, shard] {
      Random random(shard + 1);
      {
        Reader reader(first, nullptr);
        std::vector<std::pair<Reader::Lease, int>> leases;
        int last = 0;
        while (last < publications) {
          reader.refresh();
          const int number = reader.current().number();
          if (number < last) failed = true;  // never back
          last = number;
          if (leases.size() < 8) leases.emplace_back(reader.lease(), number);
          if (random.one_in(3)) leases.erase(leases.begin() + static_cast<long>(random.below(leases.size())));
          for (const auto& [lease, expected] : leases) {
            if (lease->number() != expected) failed = true;
          }
        }
      }
      ended.fetch_add(1);
    });
  }
  for (int i = 0; i < publications; ++i) {
    source.publish();
    (void)source.publisher.reclaim();
  }
  while (ended.load() != threads) std::this_thread::yield();
  for (std::thread& shard : shards) shard.join();
  CHECK_FALSE(failed.load());
  CHECK(source.publisher.reclaim() == 1);
  CHECK(source.alive == 1);
}

}  // namespace
}  // namespace sluice::runtime
