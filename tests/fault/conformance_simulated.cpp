#include <doctest/doctest.h>

#include "conformance.hpp"
#include "world.hpp"

namespace sluice::fault {

struct KernelUnderTest::State {
  World world{1};
};

KernelUnderTest::KernelUnderTest() : state_(std::make_unique<State>()) {}

KernelUnderTest::~KernelUnderTest() {
  CHECK(state_->world.failure() == "");
  CHECK(state_->world.describe_descriptors() == "");
}

}  // namespace sluice::fault
