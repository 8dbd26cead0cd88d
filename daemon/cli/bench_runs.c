#include "daemon/cli/bench_runs.h"

#include <stdlib.h>

#include "pulse/robust.h"

static const double contended_above = 1.15;   /* wall over CPU */

bool bench_runs_make(struct bench_context *c, unsigned n, struct bench_runs *out) {
    *out = (struct bench_runs){ .n = n, .list = calloc(n, sizeof *out->list) };
    for (unsigned r = 0; out->list != NULL && r < n && !c->failed; r++)
        for (size_t l = 0; l < N_LEGS; l++)
            out->list[r].legs[l] = bench_legs[l].run(c);
    return out->list != NULL && !c->failed;
}

void bench_runs_done(struct bench_runs *r) {
    free(r->list);
    *r = (struct bench_runs){ 0 };
}

static struct bench_spread spread_of(double *values, size_t n) {
    return (struct bench_spread){ .median = robust_median(values, n), .least = robust_quantile(values, n, 0), .p90 = robust_quantile(values, n, 0.9) };
}

struct bench_spread bench_runs_wall(const struct bench_runs *r, enum bench_leg_id leg) {
    double values[BENCH_RUNS_MAX];
    for (unsigned i = 0; i < r->n; i++)
        values[i] = r->list[i].legs[leg].wall_ns;
    return spread_of(values, r->n);
}

struct bench_spread bench_runs_cpu(const struct bench_runs *r, enum bench_leg_id leg) {
    double values[BENCH_RUNS_MAX];
    for (unsigned i = 0; i < r->n; i++)
        values[i] = r->list[i].legs[leg].cpu_ns;
    return spread_of(values, r->n);
}

bool bench_runs_contended(const struct bench_runs *r, enum bench_leg_id leg) {
    return bench_legs[leg].threads == 1 && bench_runs_wall(r, leg).median > contended_above * bench_runs_cpu(r, leg).median;
}

double bench_runs_median(const struct bench_runs *r, double (*of)(const struct bench_run *run, const void *context), const void *context) {
    double values[BENCH_RUNS_MAX];
    for (unsigned i = 0; i < r->n; i++)
        values[i] = of(&r->list[i], context);
    return robust_median(values, r->n);
}
