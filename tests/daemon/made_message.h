/* tests/daemon/made_message.h - messages of the stream as a publisher would make them, for tests of readers. */
#ifndef TESD_TESTS_DAEMON_MADE_MESSAGE_H
#define TESD_TESTS_DAEMON_MADE_MESSAGE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/stream_state.h"

/* Every key that the schema needs; add others to it. */
static inline json_t *made_header(const char *kind, const char *boot, int seq) {
    return json_pack("{s:i,s:s,s:i,s:s,s:s,s:i,s:i,s:s,s:s,s:s,s:s,s:s,s:b,s:{s:i,s:i,s:i},s:f,s:s,s:[],s:[]}", "v", 1, "kind", kind, "seq", seq, "boot", boot, "run", "r", "scan", 3,
                     "point", 1, "t_ns", "1603372047300000000", "start_ns", "1603371671000000000", "accum", "cumulative", "state", "live", "cal", "CAL0", "snap", 0, "lost",
                     "upstream", 0, "queue", 0, "rejected", 0, "loss_fraction", 0.0, "signal", "", "axes", "arrays");
}

static inline void made_array(json_t *header, const char *name, const char *dtype, int n, int blob) {
    json_array_append_new(json_object_get(header, "arrays"), json_pack("{s:s,s:s,s:s,s:[i],s:s,s:s,s:i,s:s}", "name", name, "role", "aux", "dtype", dtype, "shape", n, "units", "eV",
                                                                       "label", "", "blob", blob, "codec", "none"));
}

struct made_message { struct stream_frame frames[8]; size_t n; char *text; };

/* Consumes the header; blobs are borrowed. */
static inline struct made_message made_message(const char *topic, json_t *header, const struct stream_frame *blobs, size_t n_blobs) {
    struct made_message m = { .n = 2 + n_blobs, .text = json_dumps(header, JSON_COMPACT) };
    json_decref(header);
    m.frames[0] = (struct stream_frame){ topic, strlen(topic) };
    m.frames[1] = (struct stream_frame){ m.text, strlen(m.text) };
    for (size_t k = 0; k < n_blobs; k++)
        m.frames[2 + k] = blobs[k];
    return m;
}

/* A PFY of three points. */
static inline struct made_message made_pfy(const char *topic, const char *boot, int seq, const double yield[3], const uint32_t counts[3]) {
    static const double incident_eV[3] = { 530, 531, 533 }, errors[3] = { 0.5, 0.25, 0.125 };
    json_t *h = made_header("pfy", boot, seq);
    json_object_set_new(h, "title", json_string("PFY O, heated, scan 3"));
    made_array(h, "yield", "<f8", 3, 0);
    made_array(h, "yield_errors", "<f8", 3, 1);
    made_array(h, "counts", "<u4", 3, 2);
    made_array(h, "incident_energy", "<f8", 3, 3);
    const struct stream_frame blobs[] = { { yield, 24 }, { errors, 24 }, { counts, 12 }, { incident_eV, 24 } };
    return made_message(topic, h, blobs, 4);
}

#endif
