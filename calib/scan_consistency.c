#include "calib/scan_consistency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calib/repeat_counts.h"
#include "calib/scan_repeat.h"

enum { LEAST = 25, BANDS = 64 };
static const double SLOPE_RANGE = 1.0;   /* eV on either side for a derivative */

/* All repeats: row[s][k] is the row of scan s at the k-th set point, q[s][k] its exposure there (0: unknown). */
struct repeats {
    const struct repeat_counts *const *scans;
    size_t n;
    uint32_t n_points, n_bins;
    uint32_t *row;
    double *q, *all_q, *energy_eV;
    double *all;                 /* n_points x n_bins: counts of all scans */
    uint32_t *band;              /* n_bins: which of the bands of equal counts */
    uint32_t *map;               /* n_points x n_bins: counts of the scan that is looked at, one at a time since all of them would need much room */
};

static uint32_t row_of(const struct repeats *r, size_t s, uint32_t k) { return r->row[s * r->n_points + k]; }
static double q_of(const struct repeats *r, size_t s, uint32_t k) { return r->q[s * r->n_points + k]; }

static void repeats_done(struct repeats *r) {
    free(r->row);
    free(r->q);
    free(r->all_q);
    free(r->energy_eV);
    free(r->all);
    free(r->band);
    free(r->map);
}

static bool has_i0(const struct scan *s) {
    for (uint32_t k = 0; k < s->n_points; k++)
        if (s->points[k].i0 > 0)
            return true;
    return false;
}

bool scan_consistency_by_i0(const struct repeat_counts *const *repeats, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!has_i0(&repeats[i]->scan))
            return false;
    return true;
}

/* Its map, in the order of the set points. */
static void look_at(struct repeats *r, size_t s) {
    for (uint32_t k = 0; k < r->n_points; k++)
        repeat_counts_row(r->scans[s], row_of(r, s, k), r->map + (size_t)k * r->n_bins);
}

static enum status take_scan(struct repeats *r, size_t s, bool by_i0) {
    const struct repeat_counts *c = r->scans[s];
    struct scan_repeat order;
    const enum status status = scan_repeat_new(&c->scan, &order);
    for (uint32_t k = 0; status == STATUS_OK && k < r->n_points; k++) {
        const uint32_t row = order.set_points[k].row;
        const double i0 = by_i0 ? c->scan.points[row].i0 : 1, q = i0 * c->weighted_ns[row];
        r->row[s * r->n_points + k] = row;
        r->q[s * r->n_points + k] = q > 0 && isfinite(q) ? q : 0;
        r->all_q[k] += r->q[s * r->n_points + k];
        if (s == 0)
            r->energy_eV[k] = c->scan.points[row].incident_eV;
        repeat_counts_row(c, row, r->map);
        for (uint32_t b = 0; b < r->n_bins && r->q[s * r->n_points + k] > 0; b++)
            r->all[(size_t)k * r->n_bins + b] += r->map[b];
    }
    scan_repeat_done(&order);
    return status;
}

static void make_bands(struct repeats *r) {
    double total = 0, sum = 0;
    for (size_t i = 0; i < (size_t)r->n_points * r->n_bins; i++)
        total += r->all[i];
    for (uint32_t b = 0; b < r->n_bins; b++) {
        r->band[b] = total > 0 ? (uint32_t)fmin(BANDS - 1, floor(sum / total * BANDS)) : 0;
        for (uint32_t k = 0; k < r->n_points; k++)
            sum += r->all[(size_t)k * r->n_bins + b];
    }
}

static enum status repeats_make(const struct repeat_counts *const *scans, size_t n, struct repeats *r) {
    *r = (struct repeats){ .scans = scans, .n = n, .n_points = scans[0]->n_points, .n_bins = scans[0]->n_bins };
    const size_t k = r->n_points + (size_t)1;
    r->row = calloc(n * k, sizeof *r->row);
    r->q = calloc(n * k, sizeof *r->q);
    r->all_q = calloc(k, sizeof *r->all_q);
    r->energy_eV = calloc(k, sizeof *r->energy_eV);
    r->all = calloc(k * r->n_bins, sizeof *r->all);
    r->band = calloc(r->n_bins + (size_t)1, sizeof *r->band);
    r->map = calloc(k * r->n_bins, sizeof *r->map);
    enum status s = r->row && r->q && r->all_q && r->energy_eV && r->all && r->band && r->map ? STATUS_OK : STATUS_NO_MEMORY;
    const bool by_i0 = scan_consistency_by_i0(scans, n);
    for (size_t i = 0; i < n && s == STATUS_OK; i++)
        s = scans[i]->n_points == r->n_points && scans[i]->n_bins == r->n_bins && scans[i]->n_yields == scans[0]->n_yields ? take_scan(r, i, by_i0) : STATUS_BAD_VALUE;
    if (s == STATUS_OK)
        make_bands(r);
    return s;
}

/* Where both this scan and the others have exposure: theirs, else 0. */
static double others_q(const struct repeats *r, size_t s, uint32_t k) {
    const double q = r->all_q[k] - q_of(r, s, k);
    return q_of(r, s, k) > 0 && q > 1e-9 * r->all_q[k] ? q : 0;
}

/* ---- ratios ---- */

/* One scan's counts and the others' in one cell. */
struct cell { double n, others, q, others_q; };

/* f = sum n / sum (q/Q) N and its error. */
struct ratio { double n, expected, variance; };

static void ratio_add(struct ratio *f, const struct cell *c) {
    const double share = c->q / c->others_q;
    f->n += c->n;
    f->expected += share * c->others;
    f->variance += share * share * c->others;
}

static double ratio_value(const struct ratio *f) { return f->expected > 0 ? f->n / f->expected : (double)NAN; }
static double ratio_sigma(const struct ratio *f) {
    return f->n > 0 && f->expected > 0 ? ratio_value(f) * sqrt(1 / f->n + f->variance / (f->expected * f->expected)) : (double)NAN;
}

/* ---- chi2 ---- */

struct running { double r, v, counts, chi2; uint32_t cells; };

static double residual(const struct cell *c, double f) { return c->n - f * c->q / c->others_q * c->others; }
static double variance(const struct cell *c, double f) { return (c->n + c->others) / (f * c->q + c->others_q) * f * c->q * (1 + f * c->q / c->others_q); }

static void close_cell(struct running *t) {
    if (t->v > 0) {
        t->chi2 += t->r * t->r / t->v;
        t->cells++;
    }
    t->r = t->v = t->counts = 0;
}

static void running_add(struct running *t, const struct cell *c, double f) {
    t->r += residual(c, f);
    t->v += variance(c, f);
    t->counts += c->n + c->others;
    if (t->counts >= LEAST)
        close_cell(t);
}

static struct chi2_test test_of(const struct running *t) {
    struct chi2_test x = { .chi2 = t->chi2, .dof = t->cells > 0 ? t->cells - 1 : 0, .z = NAN };
    if (x.dof >= 2) {
        const double a = 2.0 / (9.0 * x.dof);
        x.z = (cbrt(x.chi2 / x.dof) - (1 - a)) / sqrt(a);
    }
    return x;
}

/* ---- map ---- */

static struct cell map_cell(const struct repeats *r, size_t s, uint32_t k, uint32_t b) {
    const double n = r->map[(size_t)k * r->n_bins + b];
    return (struct cell){ n, r->all[(size_t)k * r->n_bins + b] - n, q_of(r, s, k), others_q(r, s, k) };
}

static void judge_map(const struct repeats *r, size_t s, struct scan_consistency *out) {
    struct ratio f = { 0 };
    for (uint32_t k = 0; k < r->n_points; k++) {
        if (!(others_q(r, s, k) > 0))
            continue;
        out->n_points++;
        for (uint32_t b = 0; b < r->n_bins; b++) {
            struct cell c = map_cell(r, s, k, b);
            ratio_add(&f, &c);
        }
    }
    out->ratio = ratio_value(&f);
    out->ratio_sigma = ratio_sigma(&f);
    struct running t = { 0 };
    for (uint32_t first = 0, end; first < r->n_bins && out->ratio > 0; first = end) {
        for (end = first; end < r->n_bins && r->band[end] == r->band[first]; end++)
            continue;
        for (uint32_t k = 0; k < r->n_points; k++)
            for (uint32_t b = first; b < end && others_q(r, s, k) > 0; b++) {
                struct cell c = map_cell(r, s, k, b);
                if (c.n + c.others > 0)
                    running_add(&t, &c, out->ratio);
            }
        t.r = t.v = t.counts = 0;   /* what is left of the band is too little for a cell */
    }
    out->map = test_of(&t);
}

/* ---- yields ---- */

static struct cell yield_cell(const struct repeats *r, size_t s, uint32_t w, uint32_t k) {
    double all = 0;
    for (size_t i = 0; i < r->n; i++)
        all += q_of(r, i, k) > 0 ? r->scans[i]->yields[w].counts[row_of(r, i, k)] : 0;
    const double n = r->scans[s]->yields[w].counts[row_of(r, s, k)];
    return (struct cell){ n, all - n, q_of(r, s, k), others_q(r, s, k) };
}

static void judge_yield(const struct repeats *r, size_t s, uint32_t w, struct scan_consistency *out) {
    struct ratio f = { 0 };
    for (uint32_t k = 0; k < r->n_points; k++)
        if (others_q(r, s, k) > 0) {
            struct cell c = yield_cell(r, s, w, k);
            ratio_add(&f, &c);
        }
    out->yield_ratio[w] = ratio_value(&f);
    out->yield_ratio_sigma[w] = ratio_sigma(&f);
    struct running t = { 0 };
    double crowding = 0, counts = 0;
    for (uint32_t k = 0; k < r->n_points && out->yield_ratio[w] > 0; k++)
        if (others_q(r, s, k) > 0) {
            struct cell c = yield_cell(r, s, w, k);
            running_add(&t, &c, out->yield_ratio[w]);
            crowding += c.n * r->scans[s]->yields[w].crowding[row_of(r, s, k)];
            counts += c.n;
        }
    t.chi2 /= counts > 0 ? 1 + crowding / counts : 1;
    out->yields[w] = test_of(&t);
}

/* ---- shifts ---- */

/* Slope of y(x) at i, by a line through its neighbours within SLOPE_RANGE, two on either side at least. x ascending. */
static double slope_at(const double *x, const double *y, uint32_t n, uint32_t i) {
    uint32_t lo = i, hi = i;
    while (lo > 0 && (x[i] - x[lo - 1] <= SLOPE_RANGE || i - lo < 2))
        lo--;
    while (hi + 1 < n && (x[hi + 1] - x[i] <= SLOPE_RANGE || hi - i < 2))
        hi++;
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (uint32_t k = lo; k <= hi; k++) {
        mx += x[k] / (hi - lo + 1);
        my += y[k] / (hi - lo + 1);
    }
    for (uint32_t k = lo; k <= hi; k++) {
        xx += (x[k] - mx) * (x[k] - mx);
        xy += (x[k] - mx) * (y[k] - my);
    }
    return xx > 0 ? xy / xx : 0;
}

/* n cells along an axis x: how far the scan's spectrum stands to the right of the others'. */
static void find_shift(const double *x, const struct cell *cells, uint32_t n, double f, double *shift, double *sigma) {
    double *rate = calloc(n + (size_t)1, sizeof *rate), rg = 0, gg = 0;
    *shift = *sigma = NAN;
    for (uint32_t i = 0; rate != NULL && i < n; i++)
        rate[i] = cells[i].others / cells[i].others_q;
    for (uint32_t i = 0; rate != NULL && i < n; i++) {
        const double v = variance(&cells[i], f), g = f * cells[i].q * slope_at(x, rate, n, i);
        if (v > 0) {
            rg += residual(&cells[i], f) * g / v;
            gg += g * g / v;
        }
    }
    if (gg > 0) {
        *shift = -rg / gg;
        *sigma = 1 / sqrt(gg);
    }
    free(rate);
}

static void judge_incident(const struct repeats *r, size_t s, double *x, struct cell *cells, struct scan_consistency *out) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < r->n_points; k++) {
        if (!(others_q(r, s, k) > 0) || (n > 0 && r->energy_eV[k] <= x[n - 1]))
            continue;
        struct cell sum = { .q = q_of(r, s, k), .others_q = others_q(r, s, k) };
        for (uint32_t b = 0; b < r->n_bins; b++) {
            const struct cell c = map_cell(r, s, k, b);
            sum.n += c.n;
            sum.others += c.others;
        }
        x[n] = r->energy_eV[k];
        cells[n++] = sum;
    }
    find_shift(x, cells, n, out->ratio, &out->incident_shift_eV, &out->incident_shift_sigma_eV);
}

/* All points together: the others' counts as this scan's exposures would have made them, so that Q is q in every bin. */
static void judge_emission(const struct repeats *r, size_t s, double *x, struct cell *cells, struct scan_consistency *out) {
    const double *edges = r->scans[s]->edges_eV;
    double q = 0, others = 0;
    for (uint32_t k = 0; k < r->n_points; k++) {
        q += others_q(r, s, k) > 0 ? q_of(r, s, k) : 0;
        others += others_q(r, s, k);
    }
    for (uint32_t b = 0; b < r->n_bins; b++) {
        x[b] = 0.5 * (edges[b] + edges[b + 1]);
        cells[b] = (struct cell){ .q = q, .others_q = others };
        for (uint32_t k = 0; k < r->n_points; k++)
            if (others_q(r, s, k) > 0) {
                const struct cell c = map_cell(r, s, k, b);
                cells[b].n += c.n;
                cells[b].others += c.others * (c.q / c.others_q) * (others / q);
            }
    }
    find_shift(x, cells, r->n_bins, out->ratio, &out->emission_shift_eV, &out->emission_shift_sigma_eV);
}

/* ---- all of it ---- */

static bool beyond(double value, double sigma) { return fabs(value) > CONSISTENCY_LIMIT * sigma; }

static void set_flags(uint32_t n_yields, struct scan_consistency *out) {
    out->flags |= out->map.z > CONSISTENCY_LIMIT ? INCONSISTENT_MAP : 0;
    for (uint32_t w = 0; w < n_yields; w++)
        out->flags |= out->yields[w].z > CONSISTENCY_LIMIT ? INCONSISTENT_YIELD : 0;
    out->flags |= beyond(out->incident_shift_eV, out->incident_shift_sigma_eV) ? INCONSISTENT_INCIDENT : 0;
    out->flags |= beyond(out->emission_shift_eV, out->emission_shift_sigma_eV) ? INCONSISTENT_EMISSION : 0;
}

static enum status judge_scan(struct repeats *r, size_t s, struct scan_consistency *out) {
    const struct repeat_counts *p = r->scans[s];
    const size_t room = (r->n_bins > r->n_points ? r->n_bins : r->n_points) + (size_t)1;
    double *x = calloc(room, sizeof *x);
    struct cell *cells = calloc(room, sizeof *cells);
    out->scan_number = p->scan.number;
    out->incident_shift_eV = out->incident_shift_sigma_eV = out->emission_shift_eV = out->emission_shift_sigma_eV = NAN;
    out->yields = calloc(p->n_yields + (size_t)1, sizeof *out->yields);
    out->yield_ratio = calloc(p->n_yields + (size_t)1, sizeof *out->yield_ratio);
    out->yield_ratio_sigma = calloc(p->n_yields + (size_t)1, sizeof *out->yield_ratio_sigma);
    const bool good = x != NULL && cells != NULL && out->yields != NULL && out->yield_ratio != NULL && out->yield_ratio_sigma != NULL;
    if (good) {
        look_at(r, s);
        judge_map(r, s, out);
        for (uint32_t w = 0; w < p->n_yields; w++)
            judge_yield(r, s, w, out);
        if (out->ratio > 0 && isfinite(r->energy_eV[0]))
            judge_incident(r, s, x, cells, out);
        if (out->ratio > 0)
            judge_emission(r, s, x, cells, out);
        set_flags(p->n_yields, out);
    }
    free(x);
    free(cells);
    return good ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status scan_consistency_judge(const struct repeat_counts *const *repeats, size_t n, struct scan_consistency **out) {
    struct repeats r;
    if (n < 2)
        return STATUS_TOO_FEW;
    struct scan_consistency *list = calloc(n, sizeof *list);
    enum status s = list != NULL ? repeats_make(repeats, n, &r) : STATUS_NO_MEMORY;
    for (size_t i = 0; i < n && s == STATUS_OK; i++)
        s = judge_scan(&r, i, &list[i]);
    if (list != NULL)
        repeats_done(&r);
    if (s != STATUS_OK) {
        scan_consistency_free(list, n);
        return s;
    }
    *out = list;
    return STATUS_OK;
}

enum status scan_consistency_judge_products(struct scan_products *const *products, size_t n, struct scan_consistency **out) {
    struct repeat_counts **counts = calloc(n + 1, sizeof(struct repeat_counts *));
    enum status s = counts != NULL ? STATUS_OK : STATUS_NO_MEMORY;
    for (size_t i = 0; i < n && s == STATUS_OK; i++)
        s = repeat_counts_new(products[i], &counts[i]);
    if (s == STATUS_OK)
        s = scan_consistency_judge((const struct repeat_counts *const *)counts, n, out);
    for (size_t i = 0; counts != NULL && i < n; i++)
        repeat_counts_free(counts[i]);
    free(counts);
    return s;
}

void scan_consistency_free(struct scan_consistency *list, size_t n) {
    for (size_t i = 0; list != NULL && i < n; i++) {
        free(list[i].yields);
        free(list[i].yield_ratio);
        free(list[i].yield_ratio_sigma);
    }
    free(list);
}
