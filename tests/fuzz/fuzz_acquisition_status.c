/* Acquisition status -> trigger modes. */
#include "daemon/source/acquisition_status.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct acquisition_status s;
    struct complaint why;
    if (acquisition_status_parse(bytes, n, &s, &why) == STATUS_OK) {
        for (size_t i = 0; i < s.n; i++)
            if (acquisition_status_find(&s, s.channels[i].channel) != &s.channels[i].mode)
                __builtin_trap();
        acquisition_status_done(&s);
    }
    return 0;
}
