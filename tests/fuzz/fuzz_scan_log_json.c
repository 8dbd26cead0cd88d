/* JSON scan logs -> scans -> timeline. */
#include "tests/fuzz/timeline_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct scan_log log;
    struct complaint why;
    if (scan_log_parse_json("scan0001.json", bytes, n, "i0", &log, &why) == STATUS_OK) {
        timeline_check(&log);
        scan_log_done(&log);
    }
    return 0;
}
