#include "waiting.h"

#include <algorithm>
#include <cstring>

#include "errors.h"

namespace {
// A download of more comes in pieces of this size through two halves of one pinned block.
constexpr size_t piece = 16 << 20;
}  // namespace

Waiting::Waiting(Napi::Env env, std::shared_ptr<Context> context)
    : Napi::AsyncWorker(env), promise(Napi::Promise::Deferred::New(env)), context(std::move(context)) {}

Napi::Value Waiting::start(Napi::Env env, std::shared_ptr<Context> context, CUdeviceptr from, size_t bytes) {
  std::unique_ptr<Waiting> waiting(new Waiting(env, context));
  waiting->bytes = bytes;
  Driver& cuda = *context->driver;
  try {
    context->enter();
    waiting->event = context->take_event();
    if (bytes > 0) {
      Napi::ArrayBuffer result = Napi::ArrayBuffer::New(env, bytes);
      waiting->target = result.Data();
      waiting->result = Napi::Persistent(result);
      waiting->from = from;
      waiting->pinned = context->take_pinned(bytes <= piece ? bytes : 2 * piece);
      if (bytes <= piece) CHECKED(cuda, cuMemcpyDtoHAsync_v2, waiting->pinned.address, from, bytes, context->stream);
    }
    CHECKED(cuda, cuEventRecord, waiting->event, context->stream);
  } catch (...) {
    waiting->finish_work();
    throw;
  }
  context->begin_work();
  const Napi::Value result = waiting->promise.Promise();
  // The worker deletes itself when it is done.
  waiting.release()->Queue();
  return result;
}

void Waiting::finish_work() {
  if (event != nullptr) context->give_event(event);
  if (pinned.address != nullptr) context->give_pinned(pinned);
  event = nullptr;
  pinned.address = nullptr;
}

void Waiting::fetch_pieces() {
  Driver& cuda = *context->driver;
  const auto half = [this](size_t at) { return static_cast<char*>(pinned.address) + at / piece % 2 * piece; };
  const auto length = [this](size_t at) { return std::min(piece, bytes - at); };
  const auto request = [&](size_t at) {
    CHECKED(cuda, cuMemcpyDtoHAsync_v2, half(at), from + at, length(at), context->stream);
    CHECKED(cuda, cuEventRecord, event, context->stream);
  };
  request(0);
  for (size_t at = 0; at < bytes; at += piece) {
    CHECKED(cuda, cuEventSynchronize, event);
    if (bytes - at > piece) request(at + piece);
    memcpy(static_cast<char*>(target) + at, half(at), length(at));
  }
}

void Waiting::Execute() {
  try {
    context->enter();
    CHECKED(*context->driver, cuEventSynchronize, event);
    if (bytes > piece) fetch_pieces();
    else if (bytes > 0) memcpy(target, pinned.address, bytes);
  } catch (const DriverError& error) {
    failure = error;
  }
  finish_work();
  context->end_work();
}

void Waiting::OnOK() {
  if (failure.has_value()) promise.Reject(to_js(Env(), *failure).Value());
  else if (bytes > 0) promise.Resolve(result.Value());
  else promise.Resolve(Env().Undefined());
}

Closing::Closing(Napi::Env env, std::shared_ptr<Context> context)
    : Napi::AsyncWorker(env), promise(Napi::Promise::Deferred::New(env)), context(std::move(context)) {}

Napi::Value Closing::start(Napi::Env env, std::shared_ptr<Context> context) {
  auto* const closing = new Closing(env, std::move(context));
  const Napi::Value result = closing->promise.Promise();
  closing->Queue();
  return result;
}
