#include "fibers.h"

#include <setjmp.h>
#include <ucontext.h>

#include <memory>
#include <vector>

#include "emulated.h"

Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {

alignas(1024) char dynamic_shared[dynamic_shared_bytes];

namespace {

constexpr size_t stack_bytes = 128 * 1024;
constexpr unsigned lanes = 32;

enum class Wait { none, warp, block };

struct Fiber {
  std::unique_ptr<char[]> stack{new char[stack_bytes]};
  ucontext_t start;
  jmp_buf place;
  bool begun = false, done = true;
  Wait wait = Wait::none;
  unsigned turn = 0;
};

struct Warp {
  unsigned long long slots[2][lanes];
  unsigned arrived = 0;
};

std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<Warp> warps;
unsigned current, total, arrived, finished;
jmp_buf scheduler;
const std::function<void()>* body;

void enter() {
  (*body)();
  Fiber& own = *fibers[current];
  own.done = true;
  finished++;
  _longjmp(scheduler, 1);
}

void pause(Wait wait) {
  Fiber& own = *fibers[current];
  own.wait = wait;
  if (_setjmp(own.place) == 0) _longjmp(scheduler, 1);
}

void resume(unsigned number) {
  Fiber& fiber = *fibers[number];
  current = number;
  threadIdx.x = number;
  if (_setjmp(scheduler) != 0) return;
  if (fiber.begun) _longjmp(fiber.place, 1);
  fiber.begun = true;
  getcontext(&fiber.start);
  fiber.start.uc_stack.ss_sp = fiber.stack.get();
  fiber.start.uc_stack.ss_size = stack_bytes;
  fiber.start.uc_link = nullptr;
  makecontext(&fiber.start, enter, 0);
  setcontext(&fiber.start);
}

unsigned lanes_of(unsigned warp) {
  const unsigned first = warp * lanes;
  return total - first < lanes ? total - first : lanes;
}

void release_block() {
  if (arrived == 0 || arrived + finished < total) return;
  arrived = 0;
  for (unsigned n = 0; n < total; n++)
    if (fibers[n]->wait == Wait::block) fibers[n]->wait = Wait::none;
}

void release_warp(unsigned warp) {
  if (warps[warp].arrived < lanes_of(warp)) return;
  warps[warp].arrived = 0;
  for (unsigned lane = 0; lane < lanes_of(warp); lane++) fibers[warp * lanes + lane]->wait = Wait::none;
}

bool run_block() {
  arrived = finished = 0;
  warps.assign((total + lanes - 1) / lanes, Warp{});
  while (fibers.size() < total) fibers.push_back(std::make_unique<Fiber>());
  for (unsigned n = 0; n < total; n++) {
    fibers[n]->begun = fibers[n]->done = false;
    fibers[n]->wait = Wait::none;
    fibers[n]->turn = 0;
  }
  while (finished < total) {
    bool moved = false;
    for (unsigned n = 0; n < total; n++) {
      if (fibers[n]->done || fibers[n]->wait != Wait::none) continue;
      moved = true;
      resume(n);
      release_block();
    }
    if (!moved) return false;
  }
  return true;
}

}  // namespace

void block_barrier() {
  arrived++;
  pause(Wait::block);
}

const unsigned long long* gather(unsigned long long bits) {
  const unsigned warp = current / lanes;
  Fiber& own = *fibers[current];
  // Slots alternate, so that a thread that is ahead does not overwrite what another one has yet to take.
  auto& slots = warps[warp].slots[own.turn++ % 2];
  slots[current % lanes] = bits;
  warps[warp].arrived++;
  own.wait = Wait::warp;
  release_warp(warp);
  if (own.wait == Wait::warp) pause(Wait::warp);
  return slots;
}

bool run_grid(unsigned groups, unsigned threads, bool cooperative, const std::function<void()>& kernel) {
  gridDim = {groups, 1, 1};
  blockDim = {threads, 1, 1};
  threadIdx = blockIdx = {0, 0, 0};
  body = &kernel;
  total = threads;
  for (unsigned group = 0; group < groups; group++) {
    blockIdx.x = group;
    if (cooperative) {
      if (!run_block()) return false;
    } else
      for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) kernel();
  }
  return true;
}

}  // namespace emulated
