/* Figures of `tesd bench` on a machine that others use as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/cli/bench_runs.h"

enum { RUNS = 41 };

static double chain_over_kernels(const struct bench_run *run, const void *context) {
    (void)context;
    return run->legs[LEG_CHAIN].cpu_ns / run->legs[LEG_ENERGIES].cpu_ns;
}

/* The chain was hit in one run: it is 1 x its kernels; of the medians of both it would be 1.5 x. */
static void a_leg_is_held_against_its_own_run(void **state) {
    (void)state;
    struct bench_run list[3] = { 0 };
    const double kernels[] = { 1, 2, 3 }, chain[] = { 10, 2, 3 };
    for (unsigned i = 0; i < 3; i++) {
        list[i].legs[LEG_ENERGIES].cpu_ns = kernels[i];
        list[i].legs[LEG_CHAIN].cpu_ns = chain[i];
    }
    const struct bench_runs runs = { 3, list };
    assert_true(bench_runs_median(&runs, chain_over_kernels, NULL) == 1);
    assert_true(bench_runs_cpu(&runs, LEG_CHAIN).median / bench_runs_cpu(&runs, LEG_ENERGIES).median == 1.5);
}

static void spreads_are_of_the_leg(void **state) {
    (void)state;
    static struct bench_run list[RUNS];
    const struct bench_runs runs = { RUNS, list };
    for (unsigned i = 0; i < RUNS; i++)
        list[i].legs[LEG_CHAIN] = (struct bench_time){ .wall_ns = 100 + (i * 7) % RUNS, .cpu_ns = 50 + (i * 5) % RUNS };
    const struct bench_spread wall = bench_runs_wall(&runs, LEG_CHAIN), cpu = bench_runs_cpu(&runs, LEG_CHAIN);
    assert_true(wall.median == 120 && wall.least == 100 && wall.p90 == 136);
    assert_true(cpu.median == 70 && cpu.least == 50 && cpu.p90 == 86);
    assert_true(bench_runs_contended(&runs, LEG_CHAIN));
    for (unsigned i = 0; i < RUNS; i++)
        assert_true(list[i].legs[LEG_CHAIN].wall_ns == 100 + (i * 7) % RUNS);   /* looked at, and in the order of runs still */
    for (unsigned i = 0; i < RUNS; i++)
        list[i].legs[LEG_CHAIN].cpu_ns = list[i].legs[LEG_CHAIN].wall_ns;
    assert_false(bench_runs_contended(&runs, LEG_CHAIN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leg_is_held_against_its_own_run),
        cmocka_unit_test(spreads_are_of_the_leg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
