#include "calib/line_match.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static const double MODEL_ERROR = 1.5e-3;   /* of top_eV: 1.5 eV at 1 keV, doc/methods.md, Lines and curves */
static const double EXPLAINED = 8e-3;       /* a known line explains a peak this close, of top_eV */
static const double RISE_ALLOWED = 1.03;    /* gain may rise by noise and offset, not by more */
static const double GAIN_KEPT = 0.5;
static const double STRAINED_RMS = 1e-3;    /* of top_eV: a complete choice worse than this gives way to one with a line missing that is plainly better, */
static const double DOUBTFUL_RMS = 2.5e-3;  /* and one worse than this competes with them */
static const double ACCEPTED_RMS = 4e-3;    /* of top_eV: a complete choice worse than this is tried with a line missing */
static const double TYPED_WRONG = 0.06;     /* of top_eV: how far from its energy in the table a line is looked for that may be typed wrong */

static bool solve3(double a[3][3], double b[3], size_t n) {
    for (size_t i = 0; i < n; i++) {
        size_t pivot = i;
        for (size_t k = i + 1; k < n; k++)
            if (fabs(a[k][i]) > fabs(a[pivot][i]))
                pivot = k;
        if (!(fabs(a[pivot][i]) > 1e-14))
            return false;
        for (size_t j = 0; j < n; j++) {
            double t = a[i][j];
            a[i][j] = a[pivot][j];
            a[pivot][j] = t;
        }
        double t = b[i];
        b[i] = b[pivot];
        b[pivot] = t;
        for (size_t k = i + 1; k < n; k++) {
            double f = a[k][i] / a[i][i];
            for (size_t j = i; j < n; j++)
                a[k][j] -= f * a[i][j];
            b[k] -= f * b[i];
        }
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t j = i + 1; j < n; j++)
            b[i] -= a[i][j] * b[j];
        b[i] /= a[i][i];
    }
    return true;
}

double line_match_gain_fit(const double *height, const double *energy_eV, const double *sigma_eV, size_t n, double gain[3], double *residual_eV) {
    size_t order = n >= 4 ? 3 : n == 3 ? 2 : 1;
    double a[3][3] = {{0}}, b[3] = {0}, unit = height[n - 1];
    for (size_t i = 0; i < n; i++) {
        double g = height[i] / energy_eV[i], x = height[i] / unit;
        double sigma = g * sigma_eV[i] / energy_eV[i], weight = 1 / (sigma * sigma);
        const double power[3] = {1, x, x * x};
        for (size_t j = 0; j < order; j++) {
            b[j] += weight * power[j] * g;
            for (size_t k = 0; k < order; k++)
                a[j][k] += weight * power[j] * power[k];
        }
    }
    double scale = a[0][0];
    for (size_t j = 0; j < order; j++) {
        b[j] /= scale;
        for (size_t k = 0; k < order; k++)
            a[j][k] /= scale;
    }
    if (!solve3(a, b, order))
        return NAN;
    gain[0] = b[0];
    gain[1] = order > 1 ? b[1] / unit : 0;
    gain[2] = order > 2 ? b[2] / (unit * unit) : 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double r = height[i] / (gain[0] + height[i] * (gain[1] + height[i] * gain[2])) - energy_eV[i];
        if (residual_eV)
            residual_eV[i] = r;
        sum += r * r;
    }
    return sqrt(sum / (double)n);
}

static double gain_at(const double gain[3], double p) {
    return gain[0] + p * (gain[1] + p * gain[2]);
}

static bool gain_is_physical(const double gain[3], double lowest, double highest, double end) {
    double low = gain_at(gain, lowest), high = gain_at(gain, highest);
    if (!(low > 0) || !(high > GAIN_KEPT * low) || !(high < RISE_ALLOWED * low))
        return false;
    double before = 0;
    for (int i = 1; i <= 24; i++) {
        double p = end * i / 24, g = gain_at(gain, p);
        if (!(g > 0) || !(p / g > before))
            return false;
        before = p / g;
    }
    return true;
}

size_t line_match_prune(struct peak *peaks, size_t n, double relative, size_t max) {
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < max; i++) {
        size_t best = i;
        for (size_t k = i + 1; k < n; k++)
            if (peaks[k].prominence > peaks[best].prominence)
                best = k;
        struct peak p = peaks[best];
        peaks[best] = peaks[i];
        peaks[i] = p;
        bool close = false;
        for (size_t k = 0; k < kept; k++)
            close = close || fabs(p.at - peaks[k].at) < relative * fmax(p.at, peaks[k].at);
        if (!close)
            peaks[kept++] = p;
    }
    return kept;
}

/* One search: the peaks by height, the lines in question, and the best choices so far. One more is kept than is told, for its margin. */
struct search {
    struct peak peaks[MATCH_MAX_PEAKS];
    size_t n_peaks;
    double energy[MATCH_MAX_LINES], sigma[MATCH_MAX_LINES];
    size_t line[MATCH_MAX_LINES], n_lines;
    double skipped_eV;                   /* of the line left out; 0: none */
    const struct line_match *against;    /* only choices that give a line of it another peak count; NULL: all */
    const struct match_lines *known;
    size_t chosen[MATCH_MAX_LINES];
    struct line_match best[MATCH_KEPT + 1];
    size_t found;
};

/* Against another choice, one peak left over may be the line left out, its energy in the table being wrong: it costs what a line costs. */
static double left_over_penalty(const struct search *s, const double gain[3], double weakest, double highest) {
    double penalty = 0, spared = 0;
    for (size_t i = 0; i < s->n_peaks; i++) {
        bool used = false, explained = false;
        for (size_t k = 0; k < s->n_lines; k++)
            used = used || s->chosen[k] == i;
        if (used || s->peaks[i].prominence <= weakest)
            continue;
        double energy = s->peaks[i].at / gain_at(gain, s->peaks[i].at);
        for (size_t k = 0; k < s->known->n_explained; k++)
            explained = explained || fabs(energy - s->known->explained_eV[k]) < EXPLAINED * s->known->top_eV;
        double own = explained ? 0 : 1 + log(s->peaks[i].prominence / weakest);
        penalty += own;
        if (s->against != NULL && fabs(energy - s->skipped_eV) < TYPED_WRONG * s->known->top_eV)
            spared = fmax(spared, own - log(highest / s->peaks[i].prominence));
    }
    return penalty - spared;
}

static void keep(struct search *s, const struct line_match *m) {
    size_t at = s->found < MATCH_KEPT + 1 ? s->found++ : MATCH_KEPT;
    if (at == MATCH_KEPT && s->best[at].n > 0 && !(m->score > s->best[at].score))
        return;
    for (; at > 0 && s->best[at - 1].score < m->score; at--)
        s->best[at] = s->best[at - 1];
    s->best[at] = *m;
}

static bool agrees(const struct search *s, const struct line_match *with) {
    for (size_t k = 0, i = 0; k < s->n_lines; k++) {
        while (i < with->n && with->line[i] < s->line[k])
            i++;
        if (i < with->n && with->line[i] == s->line[k] && (with->height[i] < s->peaks[s->chosen[k]].at || with->height[i] > s->peaks[s->chosen[k]].at))
            return false;
    }
    return true;
}

static void judge(struct search *s) {
    struct line_match m = {.n = s->n_lines};
    if (s->against != NULL && agrees(s, s->against))
        return;
    double residual[MATCH_MAX_LINES] = { 0 }, gain[3] = { 0 }, highest = 0, weakest = INFINITY;
    for (size_t i = 0; i < s->n_peaks; i++)
        highest = fmax(highest, s->peaks[i].prominence);
    for (size_t k = 0; k < m.n; k++) {
        const struct peak *p = &s->peaks[s->chosen[k]];
        m.line[k] = s->line[k];
        m.height[k] = p->at;
        weakest = fmin(weakest, p->prominence);
        m.score += log(p->prominence / highest);
    }
    m.rms_eV = line_match_gain_fit(m.height, s->energy, s->sigma, m.n, gain, residual);
    if (!isfinite(m.rms_eV) || !gain_is_physical(gain, m.height[0], m.height[m.n - 1], 1.2 * m.height[m.n - 1]))
        return;
    for (size_t k = 0; k < m.n; k++)
        m.score -= 0.5 * residual[k] * residual[k] / (s->sigma[k] * s->sigma[k]);
    m.score -= left_over_penalty(s, gain, weakest, highest);
    keep(s, &m);
}

/* Peaks for lines k, k+1, ... from peak `from` on; gains between chosen neighbours prune the tree early. */
static void choose(struct search *s, size_t k, size_t from) {
    if (k == s->n_lines) {
        judge(s);
        return;
    }
    for (size_t i = from; i + (s->n_lines - k) <= s->n_peaks; i++) {
        double gain = s->peaks[i].at / s->energy[k];
        if (k > 0) {
            double first = s->peaks[s->chosen[0]].at / s->energy[0];
            if (gain < 0.9 * GAIN_KEPT * first)
                continue;
            if (gain > 1.1 * RISE_ALLOWED * first)
                break;  /* higher peaks only raise it */
        }
        s->chosen[k] = i;
        choose(s, k + 1, i + 1);
    }
}

static void set_lines(struct search *s, const struct match_lines *lines, size_t skip) {
    size_t n = lines->n_anchors < MATCH_MAX_LINES ? lines->n_anchors : MATCH_MAX_LINES;
    s->n_lines = 0;
    s->skipped_eV = 0;
    for (size_t k = 0; k < n; k++) {
        size_t i = n < 2 ? 0 : (k * (lines->n_anchors - 1) + (n - 1) / 2) / (n - 1);
        if (k == skip) {
            s->skipped_eV = lines->anchors[i].energy_eV;
            continue;
        }
        s->line[s->n_lines] = i;
        s->energy[s->n_lines] = lines->anchors[i].energy_eV;
        s->sigma[s->n_lines++] = hypot(MODEL_ERROR * lines->top_eV, lines->anchors[i].unc_eV);
    }
}

static void sort_by_height(struct peak *p, size_t n) {
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && p[k - 1].at > p[k].at; k--) {
            struct peak t = p[k];
            p[k] = p[k - 1];
            p[k - 1] = t;
        }
}

static void search_incomplete(struct search *s, const struct match_lines *lines, const struct line_match *against) {
    size_t n = s->n_lines;
    memset(s->best, 0, sizeof s->best);
    s->found = 0;
    s->against = against;
    for (size_t skip = 0; skip < n && n >= 5; skip++) {
        set_lines(s, lines, skip);
        choose(s, 0, 0);
    }
}

/* A choice that fits may do so by chance, at the wrong peaks, where one line's energy in the table is wrong: what then fits the other lines competes
 * with it. Ni La typed 35 eV low was told clearly with Cu La at the elastic peak, Fe La being taken for missing. */
static void contest(struct search *s, const struct match_lines *lines) {
    struct search other = *s;
    set_lines(&other, lines, SIZE_MAX);
    search_incomplete(&other, lines, &s->best[0]);
    if (!other.found || !(other.best[0].rms_eV < STRAINED_RMS * lines->top_eV))
        return;
    other.best[0].score = fmin(other.best[0].score, s->best[0].score);   /* it may make the choice ambiguous, and takes no place itself */
    keep(s, &other.best[0]);
}

/* Complete choices first; if none is acceptable, those with one line missing. Also where the best complete one strains to fit and one line
 * less fits plainly better: then that line is not in the sample, or its energy in the table is wrong. */
static void search_all(struct search *s, const struct match_lines *lines) {
    set_lines(s, lines, SIZE_MAX);
    choose(s, 0, 0);
    if (s->found && s->best[0].rms_eV <= STRAINED_RMS * lines->top_eV)
        return;
    bool acceptable = s->found && s->best[0].rms_eV <= ACCEPTED_RMS * lines->top_eV;
    struct search incomplete = *s;
    search_incomplete(&incomplete, lines, NULL);
    if (!incomplete.found || !(incomplete.best[0].rms_eV < ACCEPTED_RMS * lines->top_eV))
        return;
    if (!acceptable || incomplete.best[0].score > s->best[0].score + MATCH_CLEAR_MARGIN)
        *s = incomplete;
    else if (s->best[0].rms_eV > DOUBTFUL_RMS * lines->top_eV)
        keep(s, &incomplete.best[0]);   /* and may turn out ambiguous */
}

enum status line_match_choices(const struct peak *peaks, size_t n_peaks, const struct match_lines *lines, struct line_match out[MATCH_KEPT], size_t *n) {
    struct search s = {.known = lines};
    s.n_peaks = n_peaks < MATCH_MAX_PEAKS ? n_peaks : MATCH_MAX_PEAKS;
    memcpy(s.peaks, peaks, s.n_peaks * sizeof *peaks);
    sort_by_height(s.peaks, s.n_peaks);
    if (lines->n_anchors < 2 || s.n_peaks < 2)
        return STATUS_NOT_FOUND;
    search_all(&s, lines);
    if (s.found)
        contest(&s, lines);
    if (!s.found)
        return STATUS_NOT_FOUND;
    *n = s.found < MATCH_KEPT ? s.found : MATCH_KEPT;
    for (size_t i = 0; i < *n; i++) {
        out[i] = s.best[i];
        out[i].margin = i + 1 < s.found ? s.best[i].score - s.best[i + 1].score : INFINITY;
    }
    return STATUS_OK;
}

enum status line_match_find(const struct peak *peaks, size_t n_peaks, const struct match_lines *lines, struct line_match *out) {
    struct line_match best[MATCH_KEPT];
    size_t n;
    enum status status = line_match_choices(peaks, n_peaks, lines, best, &n);
    if (status == STATUS_OK)
        *out = best[0];
    return status;
}
