#include "pulse/status.h"

const char *status_text(enum status s) {
    static const char *const texts[] = {
        [STATUS_OK] = "good",
        [STATUS_NO_MEMORY] = "out of memory",
        [STATUS_BAD_VALUE] = "bad value",
        [STATUS_TRUNCATED] = "ends too early",
        [STATUS_NOT_FOUND] = "not found",
        [STATUS_TOO_FEW] = "too few data",
        [STATUS_NOT_CONVERGED] = "did not converge",
        [STATUS_NOT_POSITIVE] = "matrix is not positive definite",
        [STATUS_IO] = "input or output failed",
    };
    unsigned i = (unsigned)s;
    return i < sizeof texts / sizeof texts[0] && texts[i] ? texts[i] : "unknown status";
}
