#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "context.h"
#include "fft_library.h"

// A device that is open, as JavaScript holds it. Work goes to one stream in the order of the calls. Places are byte offsets in the arena.
class Device : public Napi::ObjectWrap<Device> {
 public:
  static Napi::Function define(Napi::Env env);
  // (driver: External<shared_ptr<Driver>>, ordinal, arena bytes, staging bytes)
  explicit Device(const Napi::CallbackInfo& info);

 private:
  struct Kernel {
    CUfunction function;
    unsigned threads, shared_bytes;
  };

  // (image) -> number of the module
  Napi::Value load(const Napi::CallbackInfo& info);
  // (place, rows, width, rows of a tile) -> ArrayBuffer: the tensor map of a matrix of halfs, tiles 64 wide
  Napi::Value tensor_map(const Napi::CallbackInfo& info);
  // (module, symbol, threads, dynamic shared bytes) -> number of the kernel
  Napi::Value kernel(const Napi::CallbackInfo& info);
  // (kernel, groups, bytes of `params` in use, dynamic shared bytes where fewer than the kernel's)
  void launch(const Napi::CallbackInfo& info);
  // (to, offset in `staging`, bytes)
  void upload(const Napi::CallbackInfo& info);
  // (from, bytes) -> Promise<ArrayBuffer>
  Napi::Value download(const Napi::CallbackInfo& info);
  // (to, bytes)
  void clear(const Napi::CallbackInfo& info);
  // (from, to, bytes)
  void copy(const Napi::CallbackInfo& info);
  // (number of an event): marks the place in the queue that `await_mark` waits for
  void mark(const Napi::CallbackInfo& info);
  void await_mark(const Napi::CallbackInfo& info);
  // (earlier mark, later mark) -> milliseconds between them; both have been reached
  Napi::Value elapsed(const Napi::CallbackInfo& info);
  // (path of cuFFT) -> its version; plans are made by it from now on
  Napi::Value load_fft(const Napi::CallbackInfo& info);
  // (lengths of the axes, batch, inverse, in double precision) -> { plan, workBytes }
  Napi::Value make_fft(const Napi::CallbackInfo& info);
  // (plan, from, to, work)
  void execute_fft(const Napi::CallbackInfo& info);
  // (plan)
  void free_fft(const Napi::CallbackInfo& info);
  // () -> Promise<void>
  Napi::Value finish(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // The context, in use by this thread.
  Context& open();
  CUdeviceptr place(const Napi::Value& offset, size_t bytes);
  FftPlans& ffts();

  std::shared_ptr<Context> context;
  std::vector<CUmodule> modules;
  std::vector<Kernel> kernels;
  std::shared_ptr<FftPlans> fft_plans;
  std::vector<CUevent> marks;
  std::shared_ptr<std::vector<char>> params;
  Napi::Reference<Napi::ArrayBuffer> staging;
};
