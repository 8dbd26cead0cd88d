#include "calib/calibrant.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibrant_pixel.h"
#include "pulse/robust.h"

static const double CLEAR = 4.5, USUAL_RESOLUTION = 3.0;   /* x resolution: an elastic line this far from all lines stands clear */
static const double OUTLIER = 4.0;
enum { LEAST_PIXELS = 1 };

/* Energies of all pixels by two forms of the curve: [form][pixel * n_lines + line]. */
struct survey {
    const struct line_table *seed;
    const struct calibrant_state *states;
    size_t n_states;
    uint32_t n_pixels;
    double mono_unc_eV;
    bool usable[CALIBRANT_MAX_STATES];
    struct calibrant_energy *energies[2];
    double *scratch, *rms;       /* n_pixels */
    uint32_t n_good, n_rms;
};
static const enum curve_form forms[2] = {CURVE_SMOOTHING, CURVE_QUADRATIC};

static double resolution_of(const struct calibrant_state *states, size_t n) {
    for (size_t s = 0; s < n; s++)
        if (states[s].table && states[s].table->resolution_eV > 0)
            return states[s].table->resolution_eV;
    return USUAL_RESOLUTION;
}

/* The mono energy must be known and no excited line near. Returns how many different ones there are. */
static size_t choose_states(struct survey *v) {
    double clear = CLEAR * resolution_of(v->states, v->n_states);
    size_t n = 0;
    for (size_t s = 0; s < v->n_states; s++) {
        double mono = v->states[s].mono_eV;
        v->usable[s] = mono > 0 && isfinite(mono);
        for (size_t k = 0; k < v->seed->n; k++) {
            const struct reference_line *l = &v->seed->lines[k];
            if (l->use != LINE_OFF && mono > l->excited_above_eV && fabs(mono - l->energy_eV) < clear)
                v->usable[s] = false;
        }
        bool other = v->usable[s];
        for (size_t k = 0; k < s; k++)
            other = other && !(v->usable[k] && fabs(v->states[k].mono_eV - mono) < 1);
        n += other;
    }
    return n;
}

static void survey_pixel(struct survey *v, uint32_t pixel) {
    struct calibrant_pixel p;
    size_t lines = v->seed->n;
    double rms = NAN;
    bool good = calibrant_pixel_measure(v->seed, v->states, v->n_states, v->usable, pixel, &p);
    for (int form = 0; form < 2; form++) {
        struct calibrant_energy *to = v->energies[form] + pixel * lines;
        good = good && calibrant_pixel_energies(&p, v->states, v->n_states, lines, v->mono_unc_eV, forms[form], to, form == 0 ? &rms : NULL);
        for (size_t k = 0; k < lines && !good; k++)
            v->energies[0][pixel * lines + k] = v->energies[1][pixel * lines + k] = (struct calibrant_energy){NAN, NAN, NAN};
    }
    v->n_good += good;
    if (isfinite(rms))
        v->rms[v->n_rms++] = rms;
}

struct mean { double value, sigma, common; uint32_t n; };

/* Mean over pixels of one line, outliers left out; its error by the pixels' own errors or by their scatter. */
static struct mean mean_over_pixels(struct survey *v, int form, size_t line) {
    size_t n = 0;
    for (uint32_t i = 0; i < v->n_pixels; i++)
        if (isfinite(v->energies[form][i * v->seed->n + line].energy_eV))
            v->scratch[n++] = v->energies[form][i * v->seed->n + line].energy_eV;
    struct mean m = {NAN, NAN, NAN, 0};
    if (n < LEAST_PIXELS)
        return m;
    struct robust_centre c = robust_centre(v->scratch, n);
    double sum = 0, weight = 0, common = 0, square = 0;
    for (uint32_t i = 0; i < v->n_pixels; i++) {
        const struct calibrant_energy *e = &v->energies[form][i * v->seed->n + line];
        if (!isfinite(e->energy_eV) || fabs(e->energy_eV - c.median) > OUTLIER * fmax(c.sigma, e->sigma_eV))
            continue;
        double w = 1 / (e->sigma_eV * e->sigma_eV);
        sum += w * e->energy_eV;
        common += w * e->common_eV;
        weight += w;
        m.n++;
    }
    m.value = sum / weight;
    m.common = common / weight;
    for (uint32_t i = 0; i < v->n_pixels; i++) {
        const struct calibrant_energy *e = &v->energies[form][i * v->seed->n + line];
        if (isfinite(e->energy_eV) && fabs(e->energy_eV - c.median) <= OUTLIER * fmax(c.sigma, e->sigma_eV))
            square += pow((e->energy_eV - m.value) / e->sigma_eV, 2);
    }
    double excess = m.n > 1 ? fmax(1, square / (m.n - 1)) : 1;
    m.sigma = sqrt(excess / weight);
    return m;
}

static void settle_line(struct survey *v, size_t k, struct calibrant_line *out) {
    const struct reference_line *l = &v->seed->lines[k];
    *out = (struct calibrant_line){.seed_eV = l->energy_eV, .energy_eV = NAN, .unc_eV = NAN, .statistical_eV = NAN, .curve_eV = NAN, .mono_eV = NAN};
    memcpy(out->name, l->name, sizeof out->name);
    struct mean m = mean_over_pixels(v, 0, k), other = mean_over_pixels(v, 1, k);
    if (m.n == 0 || other.n == 0) {
        snprintf(out->note, sizeof out->note, "not seen between the elastic lines");
        return;
    }
    out->measured = true;
    out->energy_eV = m.value;
    out->statistical_eV = m.sigma;
    out->curve_eV = fabs(m.value - other.value);
    out->mono_eV = m.common;
    out->unc_eV = sqrt(m.sigma * m.sigma + out->curve_eV * out->curve_eV + m.common * m.common);
    out->n_pixels = m.n;
}

static enum status settle(struct survey *v, struct calibrant **out) {
    struct calibrant *c = calloc(1, sizeof *c);
    if (c)
        c->lines = calloc(v->seed->n + 1, sizeof *c->lines);
    if (!c || !c->lines) {
        free(c);
        return STATUS_NO_MEMORY;
    }
    c->n_lines = v->seed->n;
    c->n_pixels = v->n_good;
    c->low_eV = INFINITY;
    for (size_t s = 0; s < v->n_states; s++)
        if (v->usable[s]) {
            c->n_states++;
            c->low_eV = fmin(c->low_eV, v->states[s].mono_eV);
            c->high_eV = fmax(c->high_eV, v->states[s].mono_eV);
        }
    c->elastic_rms_eV = robust_median(v->rms, v->n_rms);
    for (size_t k = 0; k < c->n_lines; k++)
        settle_line(v, k, &c->lines[k]);
    *out = c;
    return STATUS_OK;
}

static enum status run(struct survey *v, struct calibrant **out, struct complaint *why) {
    size_t usable = choose_states(v);
    if (usable < CALIBRANT_LEAST_STATES) {
        complaint_set(why, 0, 0, "%zu of %zu calibrations have a mono energy that is known and stands clear of the lines; at least %d are needed, at different energies", usable,
                      v->n_states, CALIBRANT_LEAST_STATES);
        return STATUS_TOO_FEW;
    }
    for (uint32_t i = 0; i < v->n_pixels; i++)
        survey_pixel(v, i);
    if (v->n_good == 0) {
        complaint_set(why, 0, 0, "no pixel of %u has a curve from the seed table and %d elastic lines; is the table near enough for the lines to be found?", v->n_pixels,
                      CALIBRANT_LEAST_STATES);
        return STATUS_TOO_FEW;
    }
    return settle(v, out);
}

enum status calibrant_find(const struct line_table *seed, const struct calibrant_state *states, size_t n_states, uint32_t n_pixels, double mono_unc_eV,
                           struct calibrant **out, struct complaint *why) {
    if (n_states > CALIBRANT_MAX_STATES) {
        complaint_set(why, 0, 0, "%zu calibrations, at most %d can be used together", n_states, CALIBRANT_MAX_STATES);
        return STATUS_BAD_VALUE;
    }
    size_t cells = (size_t)n_pixels * seed->n + 1;
    struct survey v = {.seed = seed, .states = states, .n_states = n_states, .n_pixels = n_pixels, .mono_unc_eV = mono_unc_eV,
                       .energies = {calloc(cells, sizeof *v.energies[0]), calloc(cells, sizeof *v.energies[0])},
                       .scratch = calloc(n_pixels + (size_t)1, sizeof(double)), .rms = calloc(n_pixels + (size_t)1, sizeof(double))};
    bool room = v.energies[0] && v.energies[1] && v.scratch && v.rms;
    enum status status = room ? run(&v, out, why) : STATUS_NO_MEMORY;
    free(v.energies[0]);
    free(v.energies[1]);
    free(v.scratch);
    free(v.rms);
    return status;
}

void calibrant_free(struct calibrant *c) {
    if (!c)
        return;
    free(c->lines);
    free(c);
}

/* ---- the table ---- */

struct text { char *at; size_t n, room; bool failed; };

__attribute__((format(printf, 2, 3)))
static void say(struct text *t, const char *format, ...) {
    char piece[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof piece ? (size_t)n : sizeof piece - 1;
    if (t->n + length + 1 > t->room) {
        char *bigger = realloc(t->at, 2 * t->room + length + 1);
        t->failed = t->failed || !bigger;
        if (!bigger)
            return;
        t->at = bigger;
        t->room = 2 * t->room + length + 1;
    }
    memcpy(t->at + t->n, piece, length + 1);
    t->n += length;
}

static void say_components(struct text *t, const struct reference_line *l, double moved_eV) {
    for (uint32_t i = 0; i < l->n_components; i++) {
        const struct line_component *c = &l->components[i];
        say(t, "%s%c:%.3f", i ? "|" : "", c->shape, c->centre_eV + moved_eV);
        if (c->shape != 'G')
            say(t, ":%g", c->lorentz_fwhm_eV);
        if (c->shape != 'L')
            say(t, ":%g", c->gauss_fwhm_eV);
        say(t, ":%g", c->area);
    }
}

static void say_line(struct text *t, const struct calibrant_line *c, const struct reference_line *l, const char *seed_name) {
    static const char *const uses[] = {[LINE_OFF] = "off", [LINE_CHECK] = "check", [LINE_ANCHOR] = "anchor"};
    double energy = c->measured ? c->energy_eV : l->energy_eV;
    say(t, "%s,%.3f,%.3f,%s,%g,", l->name, energy, c->measured ? c->unc_eV : l->unc_eV, uses[!c->measured && l->use == LINE_ANCHOR ? LINE_CHECK : l->use], l->excited_above_eV);
    say_components(t, l, energy - l->energy_eV);
    if (c->measured)
        say(t, ",measured: %u pixels; statistics %.3f curve %.3f mono %.3f eV; %+.3f eV from %s; shape as there\n", c->n_pixels, c->statistical_eV, c->curve_eV, c->mono_eV,
            energy - l->energy_eV, seed_name);
    else
        say(t, ",as in %s: %s\n", seed_name, c->note);
}

char *calibrant_table(const struct calibrant *c, const struct line_table *seed, const char *made_by) {
    struct text t = {.at = calloc(1, 1024), .room = 1024};
    if (!t.at)
        return NULL;
    say(&t, "# effective energies of a calibration mix, measured by elastic lines at %u mono energies from %g to %g eV with %u pixels\n", c->n_states, c->low_eV, c->high_eV, c->n_pixels);
    say(&t, "# an elastic line lies %.2f eV (rms; typical pixel) off the gain through the others; names, shapes and edges as in %s\n", c->elastic_rms_eV, seed->name);
    say(&t, "# %s\n", made_by);
    say(&t, "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n");
    for (size_t k = 0; k < c->n_lines; k++)
        say_line(&t, &c->lines[k], &seed->lines[k], seed->name);
    if (t.failed) {
        free(t.at);
        return NULL;
    }
    return t.at;
}
