#pragma once
#include <functional>

namespace emulated {
// Run all blocks of a grid along x. Threads that never wait for each other run in one loop. Returns false where threads wait for ever.
bool run_grid(unsigned groups, unsigned threads, bool cooperative, const std::function<void()>& kernel);
}  // namespace emulated
