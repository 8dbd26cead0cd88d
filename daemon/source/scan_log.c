#include "daemon/source/scan_log.h"

#include <stdlib.h>
#include <string.h>

static size_t skip_blanks(const uint8_t *bytes, size_t n) {
    static const uint8_t mark[] = { 0xEF, 0xBB, 0xBF };
    size_t i = n >= sizeof mark && memcmp(bytes, mark, sizeof mark) == 0 ? sizeof mark : 0;
    while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\r' || bytes[i] == '\n'))
        i++;
    return i;
}

enum status scan_log_parse(const char *name, const uint8_t *bytes, size_t n, const char *i0_key, struct scan_log *out, struct complaint *why) {
    size_t at = skip_blanks(bytes, n);
    if (at < n && bytes[at] == '{')
        return scan_log_parse_json(name, bytes, n, i0_key, out, why);
    if (n - at >= 3 && memcmp(bytes + at, "---", 3) == 0)
        return scan_log_parse_yaml(name, bytes, n, out, why);
    complaint_set(why, at, 1, at == n ? "the log is empty" : "neither a JSON nor a YAML scan log: it begins with neither '{' nor '---'");
    return at == n ? STATUS_TRUNCATED : STATUS_NOT_FOUND;
}

void scan_log_done(struct scan_log *l) {
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->n; i++)
        scan_done(&l->scans[i]);
    free(l->scans);
    *l = (struct scan_log){ .n = 0 };
}
