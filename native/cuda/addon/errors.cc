#include "errors.h"

Napi::Error to_js(Napi::Env env, const DriverError& error) {
  Napi::Error made = Napi::Error::New(env, error.message);
  made.Set("code", Napi::String::New(env, error.name));
  made.Set("call", Napi::String::New(env, error.call));
  return made;
}

static Napi::Error absent(Napi::Env env, const std::string& message, const char* code) {
  Napi::Error made = Napi::Error::New(env, message);
  made.Set("code", Napi::String::New(env, code));
  return made;
}

Napi::Error to_js(Napi::Env env, const NoDriver& error) { return absent(env, error.message, "ERR_NO_DRIVER"); }
Napi::Error to_js(Napi::Env env, const NoLibrary& error) { return absent(env, error.message, "ERR_NO_LIBRARY"); }
