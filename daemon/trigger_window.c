#include "daemon/trigger_window.h"

#include <stdlib.h>

#include "daemon/rfc3339.h"

static const json_int_t LONGEST_NS = INT64_C(3600000000000), MOST_COUNTS = 100000000;

bool trigger_window_read(const json_t *body, size_t most, struct trigger_window *out) {
    const json_t *hi = json_object_get(body, "HiTime"), *duration = json_object_get(body, "Duration"), *seen = json_object_get(body, "CountsSeen");
    struct trigger_window w = { .duration_ns = json_integer_value(duration) };
    if (!json_is_string(hi) || !json_is_integer(duration) || !json_is_array(seen) || !rfc3339_parse(json_string_value(hi), &w.hi_ns) || w.duration_ns <= 0 || w.duration_ns > LONGEST_NS)
        return false;
    w.n = json_array_size(seen) < most ? json_array_size(seen) : most;
    w.counts = calloc(w.n + 1, sizeof *w.counts);
    if (w.counts == NULL)
        return false;
    for (size_t i = 0; i < w.n; i++) {
        json_int_t v = json_integer_value(json_array_get(seen, i));
        w.counts[i] = v < 0 || v > MOST_COUNTS ? 0 : (uint32_t)v;
    }
    *out = w;
    return true;
}

void trigger_window_done(struct trigger_window *w) {
    free(w->counts);
    w->counts = NULL;
}
