#include "errors.h"

Napi::Error to_js(Napi::Env env, const DriverError& error) {
  Napi::Error made = Napi::Error::New(env, error.message);
  made.Set("code", Napi::String::New(env, error.name));
  made.Set("call", Napi::String::New(env, error.call));
  return made;
}

Napi::Error to_js(Napi::Env env, const NoDriver& error) {
  Napi::Error made = Napi::Error::New(env, error.message);
  made.Set("code", Napi::String::New(env, "ERR_NO_DRIVER"));
  return made;
}
