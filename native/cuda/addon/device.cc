#include "device.h"

#include <cstring>

#include "errors.h"
#include "waiting.h"

namespace {
constexpr size_t params_bytes = 4096;

size_t size_of(const Napi::Value& value) { return static_cast<size_t>(value.As<Napi::Number>().DoubleValue()); }
unsigned number_of(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }
}  // namespace

Napi::Function Device::define(Napi::Env env) {
  return DefineClass(env, "Device",
                     {
                         InstanceMethod<&Device::load>("load"),
                         InstanceMethod<&Device::tensor_map>("tensorMap"),
                         InstanceMethod<&Device::kernel>("kernel"),
                         InstanceMethod<&Device::launch>("launch"),
                         InstanceMethod<&Device::upload>("upload"),
                         InstanceMethod<&Device::download>("download"),
                         InstanceMethod<&Device::clear>("clear"),
                         InstanceMethod<&Device::copy>("copy"),
                         InstanceMethod<&Device::mark>("mark"),
                         InstanceMethod<&Device::await_mark>("awaitMark"),
                         InstanceMethod<&Device::elapsed>("elapsed"),
                         InstanceMethod<&Device::load_fft>("loadFft"),
                         InstanceMethod<&Device::make_fft>("makeFft"),
                         InstanceMethod<&Device::execute_fft>("executeFft"),
                         InstanceMethod<&Device::free_fft>("freeFft"),
                         InstanceMethod<&Device::finish>("finish"),
                         InstanceMethod<&Device::close>("close"),
                     });
}

Device::Device(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<Device>(info), params(std::make_shared<std::vector<char>>(params_bytes)) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const auto driver = *info[0].As<Napi::External<std::shared_ptr<Driver>>>().Data();
    context = std::make_shared<Context>(driver, info[1].As<Napi::Number>().Int32Value(), size_of(info[2]), size_of(info[3]));
  });
  const auto buffer = Napi::ArrayBuffer::New(env, context->staging, context->staging_bytes);
  staging = Napi::Persistent(buffer);
  const auto held = params;
  const auto own = Napi::ArrayBuffer::New(env, params->data(), params->size(), [held](Napi::Env, void*) {});
  const Napi::Object self = info.This().As<Napi::Object>();
  self.Set("staging", buffer);
  self.Set("params", own);
  self.Set("tensorMaps", Napi::Boolean::New(env, context->driver->cuTensorMapEncodeTiled != nullptr));
  self.Set("address", Napi::Number::New(env, static_cast<double>(context->arena)));
}

Context& Device::open() {
  if (context == nullptr) throw Napi::Error::New(Env(), "the device is closed");
  context->enter();
  return *context;
}

CUdeviceptr Device::place(const Napi::Value& offset, size_t bytes) {
  const size_t at = size_of(offset);
  if (bytes > context->arena_bytes || at > context->arena_bytes - bytes)
    throw Napi::RangeError::New(Env(), "bytes outside the arena");
  return context->arena + at;
}

Napi::Value Device::load(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto image = info[0].As<Napi::Uint8Array>();
    modules.push_back(open().load_module(image.Data()));
    return Napi::Number::New(info.Env(), static_cast<double>(modules.size() - 1));
  });
}

Napi::Value Device::tensor_map(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Context& own = open();
    constexpr size_t half_bytes = 2;
    const unsigned long long rows = size_of(info[1]), width = size_of(info[2]);
    const CUdeviceptr address = place(info[0], rows * width * half_bytes);
    const unsigned long long sizes[] = {width, rows}, strides[] = {width * half_bytes};
    const unsigned box[] = {64, number_of(info[3])}, steps[] = {1, 1};
    CUtensorMap map{};
    CHECKED(*own.driver, cuTensorMapEncodeTiled, &map, cu_tensor_float16, 2, reinterpret_cast<void*>(address), sizes, strides, box, steps,
            cu_tensor_interleave_none, cu_tensor_swizzle_128, cu_tensor_promotion_256, cu_tensor_zeros);
    auto result = Napi::ArrayBuffer::New(info.Env(), sizeof map);
    memcpy(result.Data(), &map, sizeof map);
    return result;
  });
}

Napi::Value Device::kernel(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Context& own = open();
    const std::string symbol = info[1].As<Napi::String>();
    Kernel kernel{nullptr, number_of(info[2]), number_of(info[3])};
    CHECKED(*own.driver, cuModuleGetFunction, &kernel.function, modules.at(number_of(info[0])), symbol.c_str());
    // More than 48 KiB, with what a kernel has of itself, has to be asked for.
    if (kernel.shared_bytes > 0)
      CHECKED(*own.driver, cuFuncSetAttribute, kernel.function, cu_function_max_dynamic_shared, static_cast<int>(kernel.shared_bytes));
    kernels.push_back(kernel);
    return Napi::Number::New(info.Env(), static_cast<double>(kernels.size() - 1));
  });
}

void Device::launch(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Context& own = open();
    const Kernel& kernel = kernels.at(number_of(info[0]));
    size_t bytes = number_of(info[2]);
    const unsigned shared = info[3].IsNumber() ? number_of(info[3]) : kernel.shared_bytes;
    void* extra[] = {cu_launch_buffer_pointer, params->data(), cu_launch_buffer_size, &bytes, cu_launch_end};
    CHECKED(*own.driver, cuLaunchKernel, kernel.function, number_of(info[1]), 1, 1, kernel.threads, 1, 1, shared, own.stream, nullptr,
            extra);
  });
}

void Device::upload(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Context& own = open();
    const size_t from = size_of(info[1]), bytes = size_of(info[2]);
    if (bytes > own.staging_bytes || from > own.staging_bytes - bytes) throw Napi::RangeError::New(info.Env(), "bytes outside the staging memory");
    CHECKED(*own.driver, cuMemcpyHtoDAsync_v2, place(info[0], bytes), static_cast<char*>(own.staging) + from, bytes, own.stream);
  });
}

Napi::Value Device::download(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    open();
    const size_t bytes = size_of(info[1]);
    if (bytes == 0) throw Napi::RangeError::New(info.Env(), "a download of nothing");
    return Waiting::start(info.Env(), context, place(info[0], bytes), bytes);
  });
}

void Device::clear(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Context& own = open();
    const size_t bytes = size_of(info[1]);
    CHECKED(*own.driver, cuMemsetD8Async, place(info[0], bytes), 0, bytes, own.stream);
  });
}

void Device::copy(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Context& own = open();
    const size_t bytes = size_of(info[2]);
    CHECKED(*own.driver, cuMemcpyDtoDAsync_v2, place(info[1], bytes), place(info[0], bytes), bytes, own.stream);
  });
}

void Device::mark(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Context& own = open();
    const unsigned number = number_of(info[0]);
    while (marks.size() <= number) marks.push_back(own.take_event());
    CHECKED(*own.driver, cuEventRecord, marks[number], own.stream);
  });
}

void Device::await_mark(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { CHECKED(*open().driver, cuEventSynchronize, marks.at(number_of(info[0]))); });
}

Napi::Value Device::elapsed(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    float milliseconds = 0;
    CHECKED(*open().driver, cuEventElapsedTime, &milliseconds, marks.at(number_of(info[0])), marks.at(number_of(info[1])));
    return Napi::Number::New(info.Env(), milliseconds);
  });
}

FftPlans& Device::ffts() {
  if (fft_plans == nullptr) throw Napi::Error::New(Env(), "cuFFT is not loaded");
  return *fft_plans;
}

Napi::Value Device::load_fft(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Context& own = open();
    const auto library = FftLibrary::load(info[0].As<Napi::String>());
    const int version = library->version();
    const auto plans = std::make_shared<FftPlans>(library, own.stream);
    own.on_close([plans] { plans->close(); });
    fft_plans = plans;
    return Napi::Number::New(info.Env(), version);
  });
}

Napi::Value Device::make_fft(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    open();
    const auto list = info[0].As<Napi::Array>();
    std::vector<long long> shape;
    for (uint32_t axis = 0; axis < list.Length(); axis++) shape.push_back(list.Get(axis).As<Napi::Number>().Int64Value());
    const bool inverse = info[2].As<Napi::Boolean>(), in_double = info[3].As<Napi::Boolean>();
    const size_t number = ffts().make(shape, info[1].As<Napi::Number>().Int64Value(), inverse, in_double);
    Napi::Object made = Napi::Object::New(info.Env());
    made.Set("plan", static_cast<double>(number));
    made.Set("workBytes", static_cast<double>(ffts().plan(number).work_bytes));
    return made;
  });
}

void Device::execute_fft(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    open();
    const unsigned number = number_of(info[0]);
    const FftPlans::Plan& plan = ffts().plan(number);
    const CUdeviceptr from = place(info[1], plan.from_bytes), to = place(info[2], plan.to_bytes), work = place(info[3], plan.work_bytes);
    ffts().execute(number, from, to, work);
  });
}

void Device::free_fft(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    open();
    ffts().free(number_of(info[0]));
  });
}

Napi::Value Device::finish(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    open();
    return Waiting::start(info.Env(), context, 0, 0);
  });
}

Napi::Value Device::close(const Napi::CallbackInfo& info) {
  if (context == nullptr) throw Napi::Error::New(info.Env(), "the device is closed");
  for (CUevent event : marks) context->give_event(event);
  marks.clear();
  // Nobody may see the pinned memory once it is gone.
  staging.Value().Detach();
  return Closing::start(info.Env(), std::move(context));
}
