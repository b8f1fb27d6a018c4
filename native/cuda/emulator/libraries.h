#pragma once
// What the emulated driver tells other emulated libraries of the process.
#include <cstddef>

#include "driver_api.h"

extern "C" {
// What a call is to return (faults.h), counting it.
CUresult emulated_enter(const char* function);
// More plans of transforms are held, or fewer.
void emulated_hold(int plans);
// Whether this thread has a context, and a stream (null: none) is known.
int emulated_ready(CUstream stream);
// Whether a range lies in one allocation of the device.
int emulated_inside(const void* at, size_t bytes);
}
