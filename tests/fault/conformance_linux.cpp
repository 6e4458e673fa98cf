#include <csignal>

#include "conformance.hpp"

namespace sluice::fault {

struct KernelUnderTest::State {};

// Without MSG_NOSIGNAL, which splice(2) has no place for, a dead connection raises SIGPIPE.
KernelUnderTest::KernelUnderTest() { std::signal(SIGPIPE, SIG_IGN); }

KernelUnderTest::~KernelUnderTest() = default;

}  // namespace sluice::fault
