#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "calib/photon_block.h"

struct column { unsigned char *start; size_t bytes; };

static void columns_of(const struct photon_block *b, struct column *c) {
    size_t n = b->capacity, k = 0;
#define COLUMN(name) c[k++] = (struct column){ .start = (unsigned char *)b->name, .bytes = n * sizeof *b->name }
    COLUMN(time_ns); COLUMN(frame); COLUMN(pixel); COLUMN(height); COLUMN(energy_eV); COLUMN(energy_sigma_eV); COLUMN(arrival);
    COLUMN(pretrigger_mean); COLUMN(cuts); COLUMN(grade); COLUMN(flags); COLUMN(scan); COLUMN(point); COLUMN(incident_eV);
#undef COLUMN
    assert_int_equal(k, 14);
}

/* Each column filled with its own byte: no two share one, and the sanitiser sees that all fit. */
static void columns_are_apart(void **state) {
    (void)state;
    static const size_t sizes[] = { 1, 2, 7, 63, 64, 65, 1000 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct photon_block *b;
        struct column c[14];
        assert_int_equal(photon_block_new(sizes[s], &b), STATUS_OK);
        assert_int_equal(b->capacity, sizes[s]);
        assert_int_equal(b->n, 0);
        columns_of(b, c);
        for (size_t k = 0; k < 14; k++) {
            assert_int_equal((uintptr_t)c[k].start % 64, 0);
            memset(c[k].start, (int)k + 1, c[k].bytes);
        }
        for (size_t k = 0; k < 14; k++)
            for (size_t i = 0; i < c[k].bytes; i++)
                assert_int_equal(c[k].start[i], k + 1);
        photon_block_free(b);
    }
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    struct photon_block *b = NULL;
    assert_int_equal(photon_block_new(SIZE_MAX / 8, &b), STATUS_NO_MEMORY);
    assert_int_equal(photon_block_new(SIZE_MAX, &b), STATUS_NO_MEMORY);
    assert_null(b);
    photon_block_free(NULL);
    assert_int_equal(photon_block_new(0, &b), STATUS_OK);
    photon_block_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_apart),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
