/* tests/daemon/made_book.h - what tests of the live book settle by: a live-time table of short records, and a scan that uses every pixel. */
#ifndef TESD_TESTS_DAEMON_MADE_BOOK_H
#define TESD_TESTS_DAEMON_MADE_BOOK_H

#include "pulse/livetime.h"

enum { MADE_BOOK_PIXELS = 3 };

static inline struct livetime_table made_book_table(enum livetime_trigger trigger) {
    struct livetime_table t;
    const struct livetime_settings s = { .trigger = trigger, .sample_period_s = 1e-5, .n_samples = 500, .n_presamples = 100, .peak_samples = 10, .decay_s = 1e-3 };
    assert_int_equal(livetime_table_make(&s, &t), STATUS_OK);
    return t;
}

static inline const uint8_t *made_book_pixels(void *context, int64_t time_ns) {
    static const uint8_t all[MADE_BOOK_PIXELS] = { 1, 1, 1 };
    (void)context;
    (void)time_ns;
    return all;
}

#endif
