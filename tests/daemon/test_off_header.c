/* OFF headers: JSON and matrices, in all versions, cut anywhere; and whole real files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/source/off_header.h"
#include "pulse/record_ljh.h"
#include "tests/shared_data.h"

/* What the tests vary of a header of 2 bases and 3 samples. */
struct model {
    const char *version, *bases, *period, *shapes, *more;
};

static const char binary_shapes[] = "\"Projectors\": {\"Rows\": 2, \"Cols\": 3, \"SavedAs\": \"float64\"},\n\"Basis\": {\"Rows\": 3, \"Cols\": 2}";

static size_t format(const struct model *m, char *out, size_t size) {
    int n = snprintf(out, size,
        "{\n    \"FileFormat\": \"OFF\",\n    \"FileFormatVersion\": %s,\n    \"NumberOfBases\": %s,\n    \"FramePeriodSeconds\": %s,\n"
        "    \"ModelInfo\": {\n%s\n    }%s\n}\n",
        m->version ? m->version : "\"0.3.0\"", m->bases ? m->bases : "2", m->period ? m->period : "0.0000032",
        m->shapes ? m->shapes : binary_shapes, m->more ? m->more : "");
    assert_true(n > 0 && (size_t)n < size);
    return (size_t)n;
}

static const double matrices[12] = { 1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6.5 };  /* projectors, then basis */

static void reads_binary_matrices_unaligned(void **state) {
    (void)state;
    for (size_t odd = 0; odd < 8; odd++) {
        char bytes[2048] = "";
        char more[16] = ",         ";
        snprintf(more, sizeof more, ",%*s\"x\": 1", (int)odd, "");
        size_t json = format(&(struct model){ .version = odd % 2 ? "\"0.3.0\"" : "\"0.2.0\"", .more = more }, bytes, sizeof bytes);
        memcpy(bytes + json, matrices, sizeof matrices);
        struct off_header h;
        double *projectors, *basis;
        assert_int_equal(off_header_parse((uint8_t *)bytes, json + sizeof matrices, &h, &projectors, &basis, NULL), STATUS_OK);
        assert_int_equal(h.version, odd % 2 ? 30 : 20);
        assert_int_equal(h.n_bases, 2);
        assert_int_equal(h.n_samples, 3);
        assert_int_equal(h.header_bytes, json + sizeof matrices);
        assert_int_equal(h.record_bytes, (odd % 2 ? 36 : 32) + 8);
        assert_memory_equal(projectors, matrices, 48);
        assert_memory_equal(basis, matrices + 6, 48);
        free(projectors);
        free(basis);
        assert_int_equal(off_header_parse((uint8_t *)bytes, json + sizeof matrices, &h, NULL, NULL, NULL), STATUS_OK);
    }
}

/* base64 of matrices[0..6) and [6..12), by python's base64 module */
#define PROJECTORS_64 "AAAAAAAA8D8AAAAAAAAAQAAAAAAAAAhAAAAAAAAAEEAAAAAAAAAUQAAAAAAAABhA"
#define BASIS_64 "AAAAAAAA8L8AAAAAAAAAwAAAAAAAAAjAAAAAAAAAEMAAAAAAAAAUwAAAAAAAABrA"
#define SHAPES_64(p, b) "\"Projectors\": {\"Rows\": 2, \"Cols\": 3, \"RowMajorFloat64ValuesBase64\": " p "},\n" \
                        "\"Basis\": {\"Rows\": 3, \"Cols\": 2, \"RowMajorFloat64ValuesBase64\": " b "}"

static void reads_base64_matrices_whatever_the_version(void **state) {
    (void)state;
    const char *versions[] = { "\"0.1.0\"", "\"0.3.0\"" };
    for (size_t i = 0; i < 2; i++) {
        char bytes[2048];
        size_t n = format(&(struct model){ .version = versions[i], .shapes = SHAPES_64("\"" PROJECTORS_64 "\"", "\"" BASIS_64 "\"") }, bytes, sizeof bytes);
        struct off_header h;
        double *projectors, *basis;
        assert_int_equal(off_header_parse((uint8_t *)bytes, n, &h, &projectors, &basis, NULL), STATUS_OK);
        assert_int_equal(h.version, i == 0 ? 10 : 30);
        assert_int_equal(h.header_bytes, n);
        assert_memory_equal(projectors, matrices, 48);
        assert_memory_equal(basis, matrices + 6, 48);
        free(projectors);
        free(basis);
    }
}

static void takes_optional_keys_and_does_without(void **state) {
    (void)state;
    char bytes[2048] = "";
    struct off_header h;
    size_t n = format(&(struct model){ .more = ",\n    \"ChannelIndex\": 17, \"ChannelName\": \"chan17\", \"ChannelNumberMatchingName\": 4219,\n"
                      "    \"MaxPresamples\": 64, \"ReadoutInfo\": {\"SubframeDivisions\": 240}" }, bytes, sizeof bytes - sizeof matrices);
    assert_int_equal(off_header_parse((uint8_t *)bytes, n + sizeof matrices, &h, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(h.channel_index, 17);
    assert_int_equal(h.channel, 4219);
    assert_string_equal(h.channel_name, "chan17");
    assert_int_equal(h.n_presamples, 64);
    assert_int_equal(h.subframe_divisions, 240);
    n = format(&(struct model){ .more = ",\n    \"ReadoutInfo\": {\"ColumnsNum\": null}, \"ChannelIndex\": null, \"ChannelName\": 5, \"MaxPresamples\": -3" },
               bytes, sizeof bytes - sizeof matrices);
    assert_int_equal(off_header_parse((uint8_t *)bytes, n + sizeof matrices, &h, NULL, NULL, NULL), STATUS_OK);
    assert_int_equal(h.channel_index, -1);
    assert_int_equal(h.channel, -1);
    assert_string_equal(h.channel_name, "");
    assert_int_equal(h.n_presamples, 0);
    assert_int_equal(h.subframe_divisions, 1);
}

static void says_truncated_for_any_beginning(void **state) {
    (void)state;
    char bytes[2048] = "";
    size_t n = format(&(struct model){ 0 }, bytes, sizeof bytes - sizeof matrices) + sizeof matrices;
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut + 1);
        memcpy(exact, bytes, cut);
        struct off_header h = { .channel = 77 };
        double *basis = NULL;
        assert_int_equal(off_header_parse(exact, cut, &h, NULL, &basis, NULL), STATUS_TRUNCATED);
        assert_int_equal(h.channel, 77);
        assert_null(basis);
        free(exact);
    }
}

static void refuses_with_a_reason(void **state) {
    (void)state;
    static const struct { struct model model; const char *said; } bad[] = {
        { { .version = "\"0.4.0\"" }, "FileFormatVersion" },
        { { .version = "3" }, "FileFormatVersion" },
        { { .bases = "0" }, "NumberOfBases" },
        { { .bases = "33" }, "NumberOfBases" },
        { { .bases = "1e300" }, "NumberOfBases" },
        { { .bases = "2.5" }, "NumberOfBases" },
        { { .bases = "3" }, "Projectors.Rows" },
        { { .period = "0" }, "FramePeriodSeconds" },
        { { .period = "\"fast\"" }, "FramePeriodSeconds" },
        { { .shapes = "\"x\": 1" }, "Projectors.Cols" },
        { { .shapes = "\"Projectors\": {\"Rows\": 2, \"Cols\": 4294967299}, \"Basis\": {\"Rows\": 3, \"Cols\": 2}" }, "Projectors.Cols" },
        { { .shapes = "\"Projectors\": {\"Rows\": 2, \"Cols\": 3}, \"Basis\": {\"Rows\": 2, \"Cols\": 3}" }, "ModelInfo.Basis" },
        { { .shapes = "\"Projectors\": 7" }, "Projectors.Cols" },
        { { .shapes = SHAPES_64("\"AAAA\"", "\"" BASIS_64 "\"") }, "RowMajorFloat64ValuesBase64" },
        { { .shapes = SHAPES_64("\"" PROJECTORS_64 "\"", "5") }, "RowMajorFloat64ValuesBase64" },
        { { .more = ", nonsense" }, "not JSON" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bytes[2048] = "";
        format(&bad[i].model, bytes, sizeof bytes - sizeof matrices);
        struct off_header h;
        double *projectors = NULL, *basis = NULL;
        struct complaint why = { 0 };
        assert_int_equal(off_header_parse((uint8_t *)bytes, sizeof bytes, &h, &projectors, &basis, &why), STATUS_BAD_VALUE);
        assert_non_null(strstr(why.text, bad[i].said));
        assert_null(projectors);
        assert_null(basis);
    }
    struct off_header h;
    assert_int_equal(off_header_parse((const uint8_t *)"#LJH", 4, &h, NULL, NULL, NULL), STATUS_BAD_VALUE);
}

/* Every number, wherever it stands, is asked after; the byte is that of the number. */
static void refuses_what_is_no_number(void **state) {
    (void)state;
    static const double no_numbers[] = { NAN, INFINITY, -INFINITY };
    char bytes[2048] = "";
    const size_t json = format(&(struct model){ 0 }, bytes, sizeof bytes - sizeof matrices);
    for (size_t k = 0; k < 12; k++) {
        struct off_header h;
        double *projectors = NULL, *basis = NULL;
        struct complaint why = { 0 };
        memcpy(bytes + json, matrices, sizeof matrices);
        memcpy(bytes + json + k * sizeof(double), &no_numbers[k % 3], sizeof(double));
        assert_int_equal(off_header_parse((uint8_t *)bytes, json + sizeof matrices, &h, &projectors, &basis, &why), STATUS_BAD_VALUE);
        assert_int_equal(why.offset, json + k * sizeof(double));
        assert_non_null(strstr(why.text, k < 6 ? "its projectors" : "its basis"));
        assert_true(projectors == NULL && basis == NULL);
    }
}

static void tells_the_misfit(void **state) {
    (void)state;
    static const double good[12] = { 1, 0, 0, 0, 0.5, 0, 1, 0, 0, 2, 0, 7 };   /* P B = 1 */
    char bytes[2048] = "";
    const size_t json = format(&(struct model){ 0 }, bytes, sizeof bytes - sizeof matrices);
    struct off_header h;
    memcpy(bytes + json, good, sizeof good);
    assert_int_equal(off_header_parse((uint8_t *)bytes, json + sizeof good, &h, NULL, NULL, NULL), STATUS_OK);
    assert_true(h.misfit <= 0);
    const double larger = 0.75;
    memcpy(bytes + json + 4 * sizeof(double), &larger, sizeof larger);
    assert_int_equal(off_header_parse((uint8_t *)bytes, json + sizeof good, &h, NULL, NULL, NULL), STATUS_OK);
    assert_true(fabs(h.misfit - 0.5) < 1e-12);
}

/* ---- real files ---- */

static const struct {
    const char *name;
    int version;
    uint32_t n_bases, n_samples;
    uint64_t records;
    int32_t channel, index;
    size_t tail;
} real_files[] = {
    { "real/off_v020_tiny/off_with_binary_projectors_and_basis.off", 20, 3, 4, 1, 1, 0, 0 },
    { "real/ebit_c1/20240722_run0006_chan1.off", 30, 5, 1000, 69235, 1, 1, 0 },
    { "real/ssrl_10_1_2020/20200219_chan1.off", 30, 5, 1024, 6696, -1, -1, 0 },
    { "real/ssrl_10_1_2020/20200219_chan3.off", 30, 5, 1024, 12136, -1, -1, 0 },
    { "real/ssrl_10_1_2020/20200219_chan7.off", 30, 5, 1024, 12566, -1, -1, 0 },
    { "real/ssrl_10_1_2020/20200219_chan9.off", 30, 5, 1024, 11032, -1, -1, 0 },
    { "dastard_simpulse/20261122/0000/20261122_run0000_chan239.off", 30, 3, 256, 246, 239, 239, 0 },
};

/* Largest |projectors x basis - identity|. */
static double worst_of_identity(const struct off_header *h, const double *projectors, const double *basis) {
    double worst = 0;
    for (uint32_t i = 0; i < h->n_bases; i++)
        for (uint32_t j = 0; j < h->n_bases; j++) {
            double sum = 0;
            for (uint32_t k = 0; k < h->n_samples; k++)
                sum += projectors[i * h->n_samples + k] * basis[k * h->n_bases + j];
            worst = fmax(worst, fabs(sum - (i == j)));
        }
    return worst;
}

static void reads_real_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof real_files / sizeof real_files[0]; i++) {
        struct shared_file f = shared_read(real_files[i].name);
        if (f.bytes == NULL)
            skip();
        struct off_header h;
        double *projectors, *basis;
        assert_int_equal(off_header_parse(f.bytes, f.n, &h, &projectors, &basis, NULL), STATUS_OK);
        assert_int_equal(h.version, real_files[i].version);
        assert_int_equal(h.n_bases, real_files[i].n_bases);
        assert_int_equal(h.n_samples, real_files[i].n_samples);
        assert_int_equal(h.channel, real_files[i].channel);
        assert_int_equal(h.channel_index, real_files[i].index);
        assert_int_equal(off_record_count(&h, f.n), real_files[i].records);
        assert_int_equal(off_tail_bytes(&h, f.n), real_files[i].tail);
        if (h.version == 30)  /* the tiny one is a dummy */
            assert_true(worst_of_identity(&h, projectors, basis) < 2e-4);
        free(projectors);
        free(basis);
        free(f.bytes);
    }
}

/* LJH and OFF of one run: the same frames, times to the microsecond that LJH keeps. */
static void off_agrees_with_ljh(const char *channel) {
    char name[128];
    snprintf(name, sizeof name, "dastard_simpulse/20261122/0000/20261122_run0000_%s.ljh", channel);
    struct shared_file ljh = shared_read(name);
    snprintf(name, sizeof name, "dastard_simpulse/20261122/0000/20261122_run0000_%s.off", channel);
    struct shared_file off = shared_read(name);
    struct ljh_header lh;
    struct off_header oh;
    struct ljh_cursor c;
    struct pulse_record sampled;
    assert_int_equal(ljh_header_parse(ljh.bytes, ljh.n, &lh, NULL), STATUS_OK);
    assert_int_equal(off_header_parse(off.bytes, off.n, &oh, NULL, NULL, NULL), STATUS_OK);
    ljh_cursor_init(&c, &lh);
    for (uint64_t i = 0; i < off_record_count(&oh, off.n); i++) {
        struct off_record modelled;
        off_record_decode(&oh, off.bytes, i, &modelled);
        assert_int_equal(ljh_cursor_next(&c, ljh.bytes, ljh.n, true, 0, &sampled), LJH_RECORD);
        assert_int_equal(sampled.trigger_frame, modelled.frame);
        assert_int_equal(sampled.trigger_time_ns, modelled.time_ns / 1000 * 1000);
        assert_int_equal(sampled.n_samples, modelled.n_samples);
        assert_int_equal(sampled.n_presamples, modelled.n_presamples);
    }
    assert_int_equal(c.records, off_record_count(&oh, off.n));
    free(ljh.bytes);
    free(off.bytes);
}

static void off_and_ljh_of_one_run_agree(void **state) {
    (void)state;
    struct shared_file there = shared_read("dastard_simpulse/20261122/0000/20261122_run0000_chan0.off");
    if (there.bytes == NULL)
        skip();
    free(there.bytes);
    const char *channels[] = { "chan0", "chan1", "chan2", "chan17", "chan30", "chan60", "chan100", "chan239" };
    for (size_t i = 0; i < 8; i++)
        off_agrees_with_ljh(channels[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_binary_matrices_unaligned),
        cmocka_unit_test(reads_base64_matrices_whatever_the_version),
        cmocka_unit_test(takes_optional_keys_and_does_without),
        cmocka_unit_test(says_truncated_for_any_beginning),
        cmocka_unit_test(refuses_with_a_reason), cmocka_unit_test(refuses_what_is_no_number), cmocka_unit_test(tells_the_misfit),
        cmocka_unit_test(reads_real_files),
        cmocka_unit_test(off_and_ljh_of_one_run_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
