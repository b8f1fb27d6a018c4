#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "driver.h"

// All that is held of one device: its context, the stream, the one allocation, pinned memory, events and modules. What was taken last is
// released first, whatever fails.
class Context {
 public:
  // `arena` bytes of device memory; `staging` bytes of pinned host memory for uploads.
  Context(std::shared_ptr<Driver> driver, int ordinal, size_t arena, size_t staging);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Make the context that of the calling thread.
  void enter() const;
  CUmodule load_module(const void* image);
  // What is to be released before what was taken until now.
  void on_close(std::function<void()> release) { releases.push_back(std::move(release)); }
  CUevent take_event();
  void give_event(CUevent event);

  // Pinned memory of at least `bytes`, from those given back or new.
  struct Pinned {
    void* address;
    size_t bytes;
  };
  Pinned take_pinned(size_t bytes);
  void give_pinned(Pinned pinned);

  // Work of other threads on the context; `close` waits for it.
  void begin_work();
  void end_work();
  void close();

  const std::shared_ptr<Driver> driver;
  CUstream stream = nullptr;
  CUdeviceptr arena = 0;
  const size_t arena_bytes, staging_bytes;
  void* staging = nullptr;

 private:
  void open(int ordinal);

  CUcontext context = nullptr;
  std::vector<std::function<void()>> releases;
  std::mutex mutex;
  std::condition_variable idle;
  unsigned working = 0;
  std::vector<CUevent> events;
  std::vector<Pinned> pinned;
};
