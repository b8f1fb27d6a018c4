#pragma once
#include <napi.h>

#include "driver.h"

// Errors as JavaScript sees them: `code` is NVIDIA's name (CUDA_ERROR_...) or cuFFT's (CUFFT_...) and `call` the function; ERR_NO_DRIVER or
// ERR_NO_LIBRARY without a usable library.
Napi::Error to_js(Napi::Env env, const DriverError& error);
Napi::Error to_js(Napi::Env env, const NoDriver& error);
Napi::Error to_js(Napi::Env env, const NoLibrary& error);

// The result of `body`, its failures thrown into JavaScript.
template <class Body>
auto guarded(Napi::Env env, Body body) {
  try {
    return body();
  } catch (const DriverError& error) {
    throw to_js(env, error);
  } catch (const NoLibrary& error) {
    throw to_js(env, error);
  } catch (const NoDriver& error) {
    throw to_js(env, error);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}
