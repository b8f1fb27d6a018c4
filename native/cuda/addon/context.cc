#include "context.h"

#include <algorithm>

namespace {
// Pinned memory is asked for in steps of this, and what is larger than `kept_pinned` is not kept.
constexpr size_t pinned_step = 1 << 20;
constexpr size_t kept_pinned = 64 << 20;
}  // namespace

Context::Context(std::shared_ptr<Driver> driver, int ordinal, size_t arena, size_t staging)
    : driver(std::move(driver)), arena_bytes(arena), staging_bytes(staging) {
  try {
    open(ordinal);
  } catch (...) {
    close();
    throw;
  }
}

Context::~Context() { close(); }

void Context::open(int ordinal) {
  Driver& cuda = *driver;
  CUdevice device = 0;
  CHECKED(cuda, cuDeviceGet, &device, ordinal);
  CHECKED(cuda, cuDevicePrimaryCtxRetain, &context, device);
  on_close([this, device] { driver->cuDevicePrimaryCtxRelease_v2(device); });
  enter();
  CHECKED(cuda, cuStreamCreate, &stream, cu_stream_non_blocking);
  on_close([this] { driver->cuStreamDestroy_v2(stream); });
  CHECKED(cuda, cuMemAlloc_v2, &arena, arena_bytes);
  on_close([this] { driver->cuMemFree_v2(arena); });
  CHECKED(cuda, cuMemHostAlloc, &staging, staging_bytes, 0);
  on_close([this] { driver->cuMemFreeHost(staging); });
  on_close([this] {
    for (const Pinned& block : pinned) driver->cuMemFreeHost(block.address);
    for (CUevent event : events) driver->cuEventDestroy_v2(event);
  });
}

void Context::close() {
  {
    std::unique_lock<std::mutex> lock(mutex);
    idle.wait(lock, [this] { return working == 0; });
  }
  if (releases.empty()) return;
  // What fails now has failed before and was told then.
  driver->cuCtxSetCurrent(context);
  if (stream != nullptr) driver->cuStreamSynchronize(stream);
  while (!releases.empty()) {
    releases.back()();
    releases.pop_back();
  }
  driver->cuCtxSetCurrent(nullptr);
}

void Context::enter() const { CHECKED(*driver, cuCtxSetCurrent, context); }

CUmodule Context::load_module(const void* image) {
  CUmodule module = nullptr;
  CHECKED(*driver, cuModuleLoadData, &module, image);
  on_close([this, module] { driver->cuModuleUnload(module); });
  return module;
}

CUevent Context::take_event() {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!events.empty()) {
      CUevent event = events.back();
      events.pop_back();
      return event;
    }
  }
  CUevent event = nullptr;
  CHECKED(*driver, cuEventCreate, &event, cu_event_default);
  return event;
}

void Context::give_event(CUevent event) {
  const std::lock_guard<std::mutex> lock(mutex);
  events.push_back(event);
}

Context::Pinned Context::take_pinned(size_t bytes) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto fits = std::find_if(pinned.begin(), pinned.end(), [&](const Pinned& p) { return p.bytes >= bytes; });
    if (fits != pinned.end()) {
      const Pinned found = *fits;
      pinned.erase(fits);
      return found;
    }
  }
  Pinned block{nullptr, (bytes + pinned_step - 1) / pinned_step * pinned_step};
  CHECKED(*driver, cuMemHostAlloc, &block.address, block.bytes, 0);
  return block;
}

void Context::give_pinned(Pinned block) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    size_t kept = block.bytes;
    for (const Pinned& other : pinned) kept += other.bytes;
    if (kept <= kept_pinned) {
      pinned.push_back(block);
      return;
    }
  }
  driver->cuMemFreeHost(block.address);
}

void Context::begin_work() {
  const std::lock_guard<std::mutex> lock(mutex);
  working++;
}

void Context::end_work() {
  const std::lock_guard<std::mutex> lock(mutex);
  working--;
  idle.notify_all();
}
