#pragma once

// The simulated kernel as a test uses it: a World to run in, scripted peers, and the torture.
#include "enumerate.hpp"
#include "faults.hpp"
#include "peer.hpp"
#include "world.hpp"
