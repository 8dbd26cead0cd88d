#include "pulse/cut.h"

const char *const cut_names[N_CUTS] = {
    [CUT_NO_MODEL] = "no_model",     [CUT_NO_CURVE] = "no_curve",   [CUT_UNLOCKED] = "unlocked",   [CUT_SATURATED] = "saturated",
    [CUT_SECONDARY] = "secondary",   [CUT_SHORT] = "short",         [CUT_PRETRIGGER] = "pretrigger", [CUT_PEAK_TIME] = "peak_time",
    [CUT_LATE_RISE] = "late_rise",   [CUT_RESIDUAL] = "residual",   [CUT_VETO] = "veto",
    [CUT_JUMPED] = "jumped",
};

enum cut cut_reason(uint32_t cuts) {
    return (enum cut)__builtin_ctz(cuts | CUT_BIT(N_CUTS));
}
