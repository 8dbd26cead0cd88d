#include "pulse/correction_terms.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pulse/normal_equations.h"
#include "pulse/robust.h"

enum { PULSES_MIN = 100, GROUP_MIN = 60, CUBIC = 4, PLACE_MIN = 20 /* their mean takes a twentieth of what they tell */, ROUNDS = 4 };
static const double sigma_of_height = 0.0013;    /* of the median height, where the noise is not known */
static const double least_share = 0.02;          /* of a term's spread that must be left inside the groups */

void correction_terms_done(struct correction_terms *b) {
    free(b->pulse);
    free(b->height);
    free(b->place);
    free(b->mean);
    free(b->term);
    free(b->scratch);
}

bool correction_pulse_usable(const struct measured_pulse *m) {
    return m->cuts == 0 && isfinite(m->height) && m->height > 0 && isfinite(m->arrival_samples) && isfinite(m->baseline);
}

static bool usable(const struct correction_pulses *p, size_t i) {
    return correction_pulse_usable(&p->pulses[i]) && (p->group == NULL || p->group[i] < GROUPS_MAX);
}

/* Groups that are large enough, one behind the other. */
static void sort_by_group(const struct correction_pulses *p, struct correction_terms *b) {
    size_t count[GROUPS_MAX] = { 0 }, at[GROUPS_MAX] = { 0 };
    for (size_t i = 0; i < p->n; i++)
        if (usable(p, i))
            count[p->group ? p->group[i] : 0]++;
    for (size_t g = 0; g < GROUPS_MAX; g++)
        if (count[g] >= GROUP_MIN) {
            at[g] = b->n;
            b->n += count[g];
            b->group_end[b->n_groups++] = b->n;
        }
    for (size_t i = 0; i < p->n; i++)
        if (usable(p, i) && count[p->group ? p->group[i] : 0] >= GROUP_MIN)
            b->pulse[at[p->group ? p->group[i] : 0]++] = &p->pulses[i];
    for (size_t i = 0; i < b->n; i++) {
        b->height[i] = (double)b->pulse[i]->height;
        b->place[i] = p->place ? p->place[b->pulse[i] - p->pulses] : 0;
    }
}

/* What is fitted and what to, less their means at the pulse's place. */
struct place_mean { double n, power[CUBIC], term[N_LEARNT_TERMS]; };

/* In one group, from numbers as given to numbers without gaps. A place with fewer than PLACE_MIN pulses is joined to those that follow it,
 * what is left at the end to the last. number: n_numbers of room. Returns how many places there are. */
static size_t join_places(struct correction_terms *b, size_t from, size_t to, size_t *number, size_t n_numbers) {
    size_t n_places = 0, held = 0;
    memset(number, 0, n_numbers * sizeof *number);
    for (size_t i = from; i < to; i++)
        number[b->place[i]]++;
    for (size_t k = 0; k < n_numbers; k++) {
        held += number[k];
        number[k] = n_places;
        if (held >= PLACE_MIN) {
            n_places++;
            held = 0;
        }
    }
    n_places = n_places > 0 ? n_places : 1;
    for (size_t i = from; i < to; i++)
        b->place[i] = (uint16_t)(number[b->place[i]] < n_places ? number[b->place[i]] : n_places - 1);
    return n_places;
}

static enum status number_places(struct correction_terms *b) {
    size_t n_numbers = 1, most = 1;
    for (size_t i = 0; i < b->n; i++)
        n_numbers = b->place[i] >= n_numbers ? b->place[i] + (size_t)1 : n_numbers;
    size_t *number = malloc(n_numbers * sizeof *number);
    if (number == NULL)
        return STATUS_NO_MEMORY;
    for (size_t g = 0, from = 0; g < b->n_groups; from = b->group_end[g++]) {
        b->n_places[g] = join_places(b, from, b->group_end[g], number, n_numbers);
        most = b->n_places[g] > most ? b->n_places[g] : most;
    }
    free(number);
    b->mean = malloc(most * sizeof *b->mean);
    return b->mean ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status gather(const struct correction_pulses *p, const struct height_correction *from, struct correction_terms *b) {
    *b = (struct correction_terms){ .c = height_correction_none() };
    b->pulse = malloc((p->n + 1) * sizeof(const struct measured_pulse *));
    b->height = malloc((p->n + 1) * sizeof *b->height);
    b->place = malloc((p->n + 1) * sizeof *b->place);
    b->term = malloc((p->n + 1) * N_LEARNT_TERMS * sizeof *b->term);
    b->scratch = malloc((p->n + 1) * sizeof *b->scratch);
    if (!b->pulse || !b->height || !b->place || !b->term || !b->scratch)
        return STATUS_NO_MEMORY;
    b->c.baseline = from->baseline;
    b->c.n_steps = from->n_steps;
    memcpy(b->c.step_time_ns, from->step_time_ns, sizeof b->c.step_time_ns);
    sort_by_group(p, b);
    if (b->n < PULSES_MIN)
        return STATUS_TOO_FEW;
    memcpy(b->scratch, b->height, b->n * sizeof *b->scratch);
    b->scale = robust_median(b->scratch, b->n);
    b->offset_noise = p->offset_noise;
    b->sigma = p->noise_sigma > 0 ? p->noise_sigma : sigma_of_height * b->scale;
    return number_places(b);
}

static void powers(double u, double row[CUBIC]) {
    row[0] = 1;
    for (int k = 1; k < CUBIC; k++)
        row[k] = row[k - 1] * u;
}

static double relative_height(const struct correction_terms *b, size_t i) {
    return fmax(-1, fmin(1.5, b->height[i] / b->scale - 1));
}

/* Cubic of the arrival against height; records far from it (piled up) are left out after the first round. */
static void learn_usual_arrival(struct correction_terms *b) {
    double reach = INFINITY, curve[CUBIC] = { 0 };
    for (int round = 0; round < ROUNDS; round++) {
        struct normal_equations e;
        double row[CUBIC];
        normal_equations_init(&e, CUBIC);
        for (size_t i = 0; i < b->n; i++) {
            powers(relative_height(b, i), row);
            double arrival = (double)b->pulse[i]->arrival_samples, usual = 0;
            for (int k = 0; k < CUBIC; k++)
                usual += curve[k] * row[k];
            b->scratch[i] = arrival - usual;
            if (fabs(arrival - usual) <= reach)
                normal_equations_add(&e, row, 1, arrival);
        }
        if (normal_equations_factor(&e) != STATUS_OK)
            return;
        normal_equations_solve(&e, e.right, curve);
        struct robust_centre all = robust_centre(b->scratch, b->n);
        reach = round == 0 ? 1 : fabs(all.median) + 4 * all.sigma;
    }
    b->c.height_scale = b->scale;
    memcpy(b->c.arrival_curve, curve, sizeof curve);
}

static void mean_places(struct correction_terms *b, size_t from, size_t to, size_t n_places) {
    double row[CUBIC];
    memset(b->mean, 0, n_places * sizeof *b->mean);
    for (size_t i = from; i < to; i++) {
        struct place_mean *p = &b->mean[b->place[i]];
        powers(relative_height(b, i), row);
        p->n++;
        for (unsigned j = 0; j < CUBIC; j++)
            p->power[j] += row[j];
        for (unsigned k = 0; k < N_LEARNT_TERMS; k++)
            p->term[k] += b->term[i * N_LEARNT_TERMS + k];
    }
    for (size_t m = 0; m < n_places; m++) {
        struct place_mean *p = &b->mean[m];
        for (unsigned j = 0; j < CUBIC && p->n > 0; j++)
            p->power[j] /= p->n;
        for (unsigned k = 0; k < N_LEARNT_TERMS && p->n > 0; k++)
            p->term[k] /= p->n;
    }
}

/* Powers of the height without the constant, which the means have taken. */
static void change_of_powers(const struct correction_terms *b, size_t i, const struct place_mean *p, double change[CUBIC - 1]) {
    double row[CUBIC];
    powers(relative_height(b, i), row);
    for (unsigned j = 1; j < CUBIC; j++)
        change[j - 1] = row[j] - p->power[j];
}

/* Takes their fits off all terms in one group: a mean for each place, and one cubic of the height. */
static void remove_fits(struct correction_terms *b, size_t from, size_t to, size_t n_places) {
    struct normal_equations e;
    double row[CUBIC - 1], fit[N_LEARNT_TERMS][CUBIC - 1] = { { 0 } };
    mean_places(b, from, to, n_places);
    normal_equations_init(&e, CUBIC - 1);
    for (size_t i = from; i < to; i++) {
        const struct place_mean *p = &b->mean[b->place[i]];
        change_of_powers(b, i, p, row);
        normal_equations_add(&e, row, 1, 0);
        for (unsigned k = 0; k < N_LEARNT_TERMS; k++) {
            double *t = &b->term[i * N_LEARNT_TERMS + k];
            *t -= p->term[k];
            for (unsigned j = 0; j < CUBIC - 1; j++)
                fit[k][j] += *t * row[j];
        }
    }
    for (unsigned j = 0; j < CUBIC - 1; j++)
        e.matrix[j * (CUBIC - 1) + j] *= 1 + 1e-9;
    bool solved = normal_equations_factor(&e) == STATUS_OK;
    for (unsigned k = 0; solved && k < N_LEARNT_TERMS; k++)
        normal_equations_solve(&e, fit[k], fit[k]);
    for (size_t i = from; i < to; i++) {
        change_of_powers(b, i, &b->mean[b->place[i]], row);
        for (unsigned k = 0; k < N_LEARNT_TERMS; k++) {
            double *t = &b->term[i * N_LEARNT_TERMS + k];
            for (unsigned j = 0; j < CUBIC - 1 && solved; j++)
                *t -= fit[k][j] * row[j];
            *t = solved ? *t : 0;
        }
    }
}

static double squares_of(const struct correction_terms *b, unsigned k) {
    double sum = 0;
    for (size_t i = 0; i < b->n; i++)
        sum += b->term[i * N_LEARNT_TERMS + k] * b->term[i * N_LEARNT_TERMS + k];
    return sum;
}

/* Counts a term from its median. Returns what it reaches, over all but its outermost percent. */
static double centre(struct correction_terms *b, unsigned k, double *middle) {
    double *t = b->term + k;
    for (size_t i = 0; i < b->n; i++)
        b->scratch[i] = t[i * N_LEARNT_TERMS];
    *middle = robust_median(b->scratch, b->n);
    for (size_t i = 0; i < b->n; i++) {
        t[i * N_LEARNT_TERMS] -= *middle;
        b->scratch[i] = fabs(t[i * N_LEARNT_TERMS]);
    }
    return robust_quantile(b->scratch, b->n, 0.99);
}

/* What is left of the term inside the groups must not be a trifle of it: the gain would be a guess for all the rest. Nor may a gain be so
 * large that the term as a whole, over all but its outermost percent, would change heights by more than is allowed. */
static void standardise(struct correction_terms *b) {
    double middle[N_LEARNT_TERMS], reach[N_LEARNT_TERMS], whole[N_LEARNT_TERMS];
    for (unsigned k = 0; k < N_LEARNT_TERMS; k++) {
        reach[k] = centre(b, k, &middle[k]);
        whole[k] = squares_of(b, k);
    }
    for (size_t g = 0, from = 0; g < b->n_groups; from = b->group_end[g++])
        remove_fits(b, from, b->group_end[g], b->n_places[g]);
    for (unsigned k = 0; k < N_LEARNT_TERMS; k++) {
        double left = squares_of(b, k), least = least_share * least_share * whole[k];
        b->deviation[k] = whole[k] > 1e-18 * (double)b->n * middle[k] * middle[k] && left > least ? sqrt(left / (double)b->n) : 0;
        b->limit[k] = k == TERM_OFFSET ? 2 * b->sigma : CORRECTION_MAX * b->deviation[k] / fmax(reach[k], b->deviation[k]);
    }
}

static void make_terms(struct correction_terms *b) {
    for (size_t i = 0; i < b->n; i++)
        b->scratch[i] = (double)b->pulse[i]->baseline_offset;
    b->c.offset_max = CORRECTION_OFFSET_SIGMAS * robust_centre(b->scratch, b->n).sigma;
    learn_usual_arrival(b);
    double origin = (double)b->pulse[0]->baseline;
    for (size_t i = 0; i < b->n; i++) {
        double *t = b->term + i * N_LEARNT_TERMS;
        height_correction_terms(&b->c, b->pulse[i], t);
        t[TERM_BASELINE] -= origin;
        t[TERM_DRIFT] = (double)(b->pulse[i]->time_ns - b->pulse[0]->time_ns) * 1e-12;
    }
    standardise(b);
}

enum status correction_terms_init(const struct correction_pulses *p, const struct height_correction *from, struct correction_terms *out) {
    enum status s = gather(p, from, out);
    if (s == STATUS_OK)
        make_terms(out);
    if (s == STATUS_OK && p->steady)
        out->deviation[TERM_DRIFT] = 0;
    return s;
}
