/* tests/daemon/made_channel.h - LJH files of one channel with records whose truth is known, for the tests of what reads them. */
#ifndef TESD_TESTS_DAEMON_MADE_CHANNEL_H
#define TESD_TESTS_DAEMON_MADE_CHANNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/source/channel_reader.h"
#include "pulse/record_ljh.h"

enum { SAMPLES = 8, RECORDS = 400, FILES_MAX = 4 };

struct truth { int64_t frame, time_ns; uint16_t first; };

struct folder {
    char path[64];
    char *args[FILES_MAX];
    size_t n;
};

static inline struct ljh_header header(void) {
    return (struct ljh_header){ .version = 22, .version_text = "2.2.1", .n_samples = SAMPLES, .n_presamples = 2, .sample_period_s = 1e-5,
                                .channel = 7, .channel_index = 3, .channel_name = "chan7", .subframe_divisions = 4, .dastard = true,
                                .software = "DASTARD version 0.3.10" };
}

static inline void folder_new(struct folder *f) {
    *f = (struct folder){ .path = "/tmp/tesd_reader_XXXXXX" };
    assert_non_null(mkdtemp(f->path));
}

static inline void folder_done(struct folder *f) {
    for (size_t i = 0; i < f->n; i++) {
        unlink(f->args[i]);
        free(f->args[i]);
    }
    rmdir(f->path);
}

static inline void write_file(struct folder *f, const char *name, const struct truth *t, size_t n, size_t tail) {
    struct ljh_header h = header();
    size_t head = ljh_header_format(&h, NULL, 0);
    uint8_t *text = malloc(head), one[16 + 2 * SAMPLES];
    assert_true(asprintf(&f->args[f->n], "%s/%s", f->path, name) > 0);
    FILE *file = fopen(f->args[f->n++], "wb");
    assert_non_null(file);
    ljh_header_format(&h, text, head);
    fwrite(text, 1, head, file);
    for (size_t i = 0; i < n; i++) {
        uint16_t samples[SAMPLES] = { t[i].first, 1, 2, 3, 4, 5, 6, 7 };
        struct pulse_record r = { .samples = samples, .n_samples = SAMPLES, .n_presamples = 2, .trigger_time_ns = t[i].time_ns, .trigger_frame = t[i].frame };
        ljh_record_format(&h, &r, one);
        fwrite(one, 1, sizeof one, file);
    }
    fwrite("half a record", 1, tail, file);
    fclose(file);
    free(text);
}

/* Records of one epoch, 10 ms apart on the frame counter, stamps jittered by up to 60 us. */
static inline void make_epoch(struct truth *t, size_t n, int64_t start_ns, unsigned seed) {
    srand(seed);
    for (size_t i = 0; i < n; i++) {
        t[i].frame = 1000 + (int64_t)i * 1000;
        t[i].time_ns = start_ns + (int64_t)i * 10000000 + rand() % 60 * 1000;
        t[i].first = (uint16_t)i;
    }
}

static inline struct channel_reader *read_in_order(const struct folder *f, const size_t *order, struct run_input *input) {
    char *args[FILES_MAX];
    struct channel_reader *r;
    for (size_t i = 0; i < f->n; i++)
        args[i] = f->args[order ? order[i] : i];
    assert_true(run_input_collect(args, f->n, false, NULL, input));
    assert_int_equal(input->n_channels, 1);
    assert_int_equal(input->refused, 0);
    assert_true(channel_reader_open(&input->channels[0], 0, &r));
    return r;
}

/* Neighbours the wrong way round, as primaries and secondaries come; those across an epoch's end stay. */
static inline void swap_some(const struct truth *t, size_t n, size_t epoch, struct truth *swapped) {
    memcpy(swapped, t, n * sizeof *t);
    for (size_t i = 0; i + 1 < n; i += 7)
        if ((i + 1) % epoch != 0) {
            struct truth k = swapped[i];
            swapped[i] = swapped[i + 1];
            swapped[i + 1] = k;
        }
}

#endif
