#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "daemon/sink/height_histogram.h"
#include "tests/daemon/made_scan.h"

static struct height_histogram a, b;

static uint64_t total(const struct height_histogram *h) {
    uint64_t sum = 0;
    for (size_t k = 0; k < h->n; k++)
        sum += h->counts[k];
    return sum;
}

static void order_does_not_matter(void **state) {
    (void)state;
    enum { N = 5000 };
    static float heights[N], backwards[N];
    const char *given = getenv("TESD_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 3;
    print_message("seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 50; round++) {
        double scale = exp2(24 * made_uniform(&seed) - 5), offset = made_uniform(&seed) - 0.5;
        for (int i = 0; i < N; i++)
            backwards[N - 1 - i] = heights[i] = (float)(scale * (made_uniform(&seed) + offset));
        height_histogram_init(&a);
        height_histogram_init(&b);
        height_histogram_add(&a, heights, N);
        height_histogram_add(&b, backwards, N);
        assert_memory_equal(&a, &b, sizeof a);
        assert_int_equal(total(&a), N);
        for (int i = 0; i < N; i++)
            assert_true(a.counts[(int64_t)floor((double)heights[i] / a.width) - a.first] > 0);
    }
}

static void heights_that_no_filter_gives_are_counted_apart(void **state) {
    (void)state;
    const float heights[] = { NAN, INFINITY, -INFINITY, 3e8f, -3e8f, 5.0f, -7.25f, 16777215.0f, -16777215.0f };
    height_histogram_init(&a);
    height_histogram_add(&a, heights, 9);
    assert_int_equal(a.without, 5);
    assert_int_equal(total(&a), 4);
    height_histogram_init(&a);
    height_histogram_add(&a, heights, 0);
    assert_int_equal(a.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(heights_that_no_filter_gives_are_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
