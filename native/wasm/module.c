// The module as one translation unit.
#include "expectation.c"
#include "fft.c"
#include "fine.c"
#include "images.c"
#include "maximisation.c"
#include "projection.c"
#include "weights.c"
