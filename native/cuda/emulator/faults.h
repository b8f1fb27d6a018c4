#pragma once
#include <map>
#include <string>

#include "driver_api.h"

namespace emulated {

// Failures on request: CRYOTILE_EMULATOR_FAIL=FUNCTION:COUNT:CODE makes the call number COUNT of a function fail with an error code. Codes that
// lose the device (700 and above) stay: every later call fails with them too, as on a real one.
class Faults {
 public:
  // Reads the request and begins to count.
  void begin();
  // What the call is to return, counting it.
  CUresult enter(const char* function);
  const std::map<std::string, unsigned>& calls() const { return counts; }

 private:
  std::map<std::string, unsigned> counts;
  std::string function;
  unsigned number = 0;
  CUresult code = cu_success, lost = cu_success;
};

}  // namespace emulated
