#include "pulse/baseline_rule.h"

#include <math.h>
#include <stdlib.h>

#include "pulse/robust.h"

enum { PULSES_MIN = 100, JUMPS_MIN = 4, QUANTUM_MIN = 1 << 7, QUANTUM_MAX = 1 << 15 };
static const double jump_sigmas = 30, jump_least_counts = 16;
static const double share_at_multiples = 0.9;

/* Steps between good neighbours; step has room for n. */
static size_t collect_steps(const struct measured_pulse *pulses, size_t n, double *step) {
    const struct measured_pulse *before = NULL;
    size_t n_steps = 0;
    for (size_t i = 0; i < n; i++) {
        if (!baseline_tells(&pulses[i]))
            continue;
        if (before != NULL && baseline_seconds(before->time_ns, pulses[i].time_ns) < BASELINE_NEIGHBOUR_S)
            step[n_steps++] = (double)pulses[i].pretrigger_mean - (double)before->pretrigger_mean;
        before = &pulses[i];
    }
    return n_steps;
}

/* Distance from the nearest multiple other than zero. */
static double off_multiple(double step, double quantum) {
    return fabs(step - quantum * fmax(1, rint(fabs(step) / quantum)) * (step < 0 ? -1 : 1));
}

/* The largest power of two at whose multiples the jumps lie; multiples must be far apart against the tolerance. */
static double quantum_of(const double *jump, size_t n, double sigma) {
    for (double quantum = QUANTUM_MAX; n >= JUMPS_MIN && quantum >= QUANTUM_MIN; quantum /= 2) {
        double tolerance = fmax(5 * sigma, quantum / 100);
        size_t hits = 0;
        for (size_t i = 0; i < n; i++)
            hits += off_multiple(jump[i], quantum) < tolerance;
        if (tolerance < quantum / 10 && (double)hits >= share_at_multiples * (double)n)
            return quantum;
    }
    return 0;
}

enum status baseline_rule_learn(const struct measured_pulse *pulses, size_t n, struct baseline_rule *out) {
    struct baseline_rule rule = { 0 };
    double *step = malloc((2 * n + 1) * sizeof *step);
    if (step == NULL)
        return STATUS_NO_MEMORY;
    double *scratch = step + n;
    size_t n_steps = collect_steps(pulses, n, step), n_jumps = 0;
    if (n_steps >= PULSES_MIN) {
        for (size_t i = 0; i < n_steps; i++)
            scratch[i] = step[i];
        double sigma = robust_centre(scratch, n_steps).sigma;
        rule.jump_counts = fmax(jump_sigmas * sigma, jump_least_counts);
        for (size_t i = 0; i < n_steps; i++)
            if (fabs(step[i]) > rule.jump_counts)
                step[n_jumps++] = step[i];
        rule.quantum_counts = quantum_of(step, n_jumps, sigma);
    }
    free(step);
    *out = rule;
    return STATUS_OK;
}
