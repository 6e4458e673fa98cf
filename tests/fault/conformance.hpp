#pragma once

#include <memory>

namespace sluice::fault {

// What: whichever kernel this program was linked with, ready for use: sluice-fault simulates one, sluice-unit has
// Linux. Lifetime: outlives everything that a case opens.
class KernelUnderTest {
 public:
  KernelUnderTest();
  KernelUnderTest(const KernelUnderTest&) = delete;
  KernelUnderTest& operator=(const KernelUnderTest&) = delete;
  ~KernelUnderTest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::fault
