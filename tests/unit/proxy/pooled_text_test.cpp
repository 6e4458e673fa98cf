#include "proxy/pooled_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "base/death.hpp"

namespace sluice::proxy {
namespace {

TEST_CASE("text is kept until it is replaced") {
  memory::FramePool& pool = memory::FramePool::of_this_thread();
  const std::size_t before = pool.outstanding();
  {
    PooledText text;
    CHECK(text.view().empty());
    CHECK(pool.outstanding() == before);
    for (std::size_t size : {1U, 64U, 5000U, 3U, 40'000U}) {
      const std::string content(size, 'x');
      text.assign(content);
      CHECK(text.view() == content);
      CHECK(pool.outstanding() == before + 1);
    }
    text.reserve(0);
    CHECK(text.span().empty());
    CHECK(pool.outstanding() == before);
    text.reserve(8);
    CHECK(text.span().size() == 8);
  }
  CHECK(pool.outstanding() == before);
}

TEST_CASE("pieces are copied one behind the other") {
  PooledText text;
  PooledText::Copier copier(text, 8);
  std::string source = "abc";
  std::string_view first = copier.copy(source);
  source = "xyz";
  std::string_view none = copier.copy("");
  std::string_view second = copier.copy("defgh");
  CHECK(first == "abc");
  CHECK(none.empty());
  CHECK(second == "defgh");
  CHECK(text.view() == "abcdefgh");
  CHECK(test::death_of([&] { (void)copier.copy("i"); }).died);
}

}  // namespace
}  // namespace sluice::proxy
