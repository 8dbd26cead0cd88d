/* Any bytes as a config file: an answer, never a crash or a leak. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct options o;
    struct options_faults faults;
    if (!options_parse(data, size, &o, &faults)) {
        assert(faults.n > 0);
        return 0;
    }
    assert(o.n_roi >= 1 && o.n_roi <= OPTIONS_MAX_ROI);
    assert(o.rixs.emission.lo_eV < o.rixs.emission.hi_eV);
    for (uint32_t i = 0; i < o.n_roi; i++)
        assert(o.roi[i].lo_eV < o.roi[i].hi_eV);
    options_done(&o);
    return 0;
}
