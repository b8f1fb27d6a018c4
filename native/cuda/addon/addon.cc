#include <napi.h>

#include "device.h"
#include "driver.h"
#include "errors.h"

namespace {

Napi::Object describe(Napi::Env env, const DeviceInfo& info) {
  Napi::Object device = Napi::Object::New(env);
  device.Set("ordinal", info.ordinal);
  device.Set("name", info.name);
  device.Set("uuid", info.uuid);
  device.Set("bus", info.bus);
  device.Set("totalBytes", static_cast<double>(info.total_bytes));
  device.Set("capability", info.capability_major * 10 + info.capability_minor);
  device.Set("multiprocessors", info.multiprocessors);
  device.Set("sharedBytes", info.shared_bytes);
  device.Set("display", info.display);
  return device;
}

// Free bytes of a device; makes a context for the moment.
Napi::Value free_bytes(Napi::Env env, const Driver& cuda, int ordinal) {
  CUdevice device = 0;
  CHECKED(cuda, cuDeviceGet, &device, ordinal);
  CUcontext context = nullptr;
  CHECKED(cuda, cuDevicePrimaryCtxRetain, &context, device);
  size_t free = 0, total = 0;
  const CUresult entered = cuda.cuCtxSetCurrent(context);
  const CUresult asked = entered == cu_success ? cuda.cuMemGetInfo_v2(&free, &total) : entered;
  cuda.cuCtxSetCurrent(nullptr);
  cuda.cuDevicePrimaryCtxRelease_v2(device);
  cuda.check(entered, "cuCtxSetCurrent");
  cuda.check(asked, "cuMemGetInfo_v2");
  return Napi::Number::New(env, static_cast<double>(free));
}

// load(path of the driver's library) -> { version, devices(), freeBytes(ordinal), open(ordinal, arena bytes, staging bytes) }
Napi::Value load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const auto driver = Driver::load(info[0].As<Napi::String>());
    Napi::Object loaded = Napi::Object::New(env);
    loaded.Set("version", driver->version());
    loaded.Set("devices", Napi::Function::New(env, [driver](const Napi::CallbackInfo& call) -> Napi::Value {
                 return guarded(call.Env(), [&] {
                   const auto found = driver->devices();
                   Napi::Array list = Napi::Array::New(call.Env(), found.size());
                   for (uint32_t at = 0; at < found.size(); at++) list.Set(at, describe(call.Env(), found[at]));
                   return list;
                 });
               }));
    loaded.Set("freeBytes", Napi::Function::New(env, [driver](const Napi::CallbackInfo& call) -> Napi::Value {
                 return guarded(call.Env(), [&] { return free_bytes(call.Env(), *driver, call[0].As<Napi::Number>().Int32Value()); });
               }));
    const auto constructor = std::make_shared<Napi::FunctionReference>(Napi::Persistent(Device::define(env)));
    loaded.Set("open", Napi::Function::New(env, [driver, constructor](const Napi::CallbackInfo& call) -> Napi::Value {
                 auto own = driver;
                 const auto handle = Napi::External<std::shared_ptr<Driver>>::New(call.Env(), &own);
                 return constructor->New({handle, call[0], call[1], call[2]});
               }));
    return loaded;
  });
}

// fftVersion(path of cuFFT) -> its version
Napi::Value fft_version(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), FftLibrary::load(info[0].As<Napi::String>())->version()); });
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  exports.Set("load", Napi::Function::New(env, load));
  exports.Set("fftVersion", Napi::Function::New(env, fft_version));
  return exports;
}

}  // namespace

NODE_API_MODULE(cryotile_cuda, start)
