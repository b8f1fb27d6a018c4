#pragma once
#include <napi.h>

#include <memory>
#include <optional>

#include "context.h"

// Waits on another thread for all work queued so far, then resolves a promise: with bytes of the device, or undefined. Bytes in more than one
// piece are read on the way: nothing that is queued before the promise resolves may write there.
class Waiting : public Napi::AsyncWorker {
 public:
  // Queues the copy of `bytes` at `from` (none where 0) and starts to wait.
  static Napi::Value start(Napi::Env env, std::shared_ptr<Context> context, CUdeviceptr from, size_t bytes);

 protected:
  void Execute() override;
  void OnOK() override;
  void OnError(const Napi::Error& error) override { promise.Reject(error.Value()); }

 private:
  Waiting(Napi::Env env, std::shared_ptr<Context> context);
  void finish_work();
  void fetch_pieces();

  Napi::Promise::Deferred promise;
  std::shared_ptr<Context> context;
  CUevent event = nullptr;
  Context::Pinned pinned{nullptr, 0};
  CUdeviceptr from = 0;
  size_t bytes = 0;
  Napi::Reference<Napi::ArrayBuffer> result;
  void* target = nullptr;
  std::optional<DriverError> failure;
};

// Releases all that a context holds on another thread.
class Closing : public Napi::AsyncWorker {
 public:
  static Napi::Value start(Napi::Env env, std::shared_ptr<Context> context);

 protected:
  void Execute() override { context->close(); }
  void OnOK() override { promise.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { promise.Reject(error.Value()); }

 private:
  Closing(Napi::Env env, std::shared_ptr<Context> context);
  Napi::Promise::Deferred promise;
  std::shared_ptr<Context> context;
};
