#include "calib/calibration_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "calib/array_fit.h"
#include "calib/assignment.h"
#include "calib/pixel_calibration.h"
#include "calib/pixel_peaks.h"

const char *const verdict_names[N_VERDICTS] = {
    [VERDICT_GOOD] = "good", [VERDICT_STALE] = "stale", [VERDICT_AMBIGUOUS] = "ambiguous", [VERDICT_BAD] = "bad", [VERDICT_NO_TABLE] = "no table"};

const char *const assigned_by_names[N_ASSIGNED_BY] = {"nothing", "template", "curve before"};

static const double IMPOSSIBLE = 4;          /* eV at 1 keV: an anchor that far off in all pixels carries no curve */

/* Everything that lives during one learn. */
struct learning {
    struct calibration_rules rules;
    struct fit_plan plan;
    struct pixel_work *works;
    uint32_t n;
    const struct calibration_table *before;
    const struct calibration_heights *heights;
    struct assignment assignment;
};

/* Too few pulses to learn from, but a good curve from before: keep that, and say so. */
static enum status keep_stale(struct pixel_calibration *p, const struct pixel_calibration *old) {
    const struct curve_anchor *anchors;
    size_t n = calibration_curve_anchors(old->curve, &anchors);
    enum status status = calibration_curve_new(calibration_curve_form(old->curve), anchors, n, &p->curve);
    if (status != STATUS_OK)
        return status;
    p->verdict = VERDICT_STALE;
    p->n_fits = old->n_fits;
    memcpy(p->fits, old->fits, sizeof p->fits);
    p->resolution_eV = old->resolution_eV;
    p->resolution_sigma_eV = old->resolution_sigma_eV;
    char text[sizeof p->reason];
    snprintf(text, sizeof text, "curve of the calibration before: %.200s", p->reason);
    memcpy(p->reason, text, sizeof text);
    return STATUS_OK;
}

static enum status finish_all(struct learning *l, struct calibration_table *t) {
    for (uint32_t i = 0; i < l->n; i++) {
        enum status status = pixel_work_finish(&l->works[i], &l->plan, &t->pixels[i]);
        if (status != STATUS_OK)
            return status;
        if (l->works[i].step.index > 0 && l->heights[i].time_ns)
            t->pixels[i].valid_from_ns = l->heights[i].time_ns[l->works[i].step.index];
    }
    struct calibration_heights *counted = malloc((l->n + (size_t)1) * sizeof *counted);
    if (!counted)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < l->n; i++) {
        counted[i] = l->heights[i];
        counted[i].heights += l->works[i].step.index;
        counted[i].n -= l->works[i].step.index;
    }
    enum status judged = calibration_verdict_judge(t, &l->plan, counted);
    free(counted);
    if (judged != STATUS_OK)
        return judged;
    for (uint32_t i = 0; i < l->n; i++) {
        struct pixel_calibration *p = &t->pixels[i];
        const struct pixel_calibration *old = assignment_before(&l->assignment, i);
        if (p->verdict == VERDICT_BAD || p->verdict == VERDICT_AMBIGUOUS) {
            calibration_curve_free(p->curve);
            p->curve = NULL;
        } else if (old) {
            pixel_calibration_compare(p, old, &l->plan);
        }
        bool old_good = old && (old->verdict == VERDICT_GOOD || old->verdict == VERDICT_STALE);
        if (old_good && !p->curve && !p->jumped && (l->works[i].n < CALIBRATION_MIN_PULSES || p->verdict == VERDICT_AMBIGUOUS)) {
            enum status status = keep_stale(p, old);
            if (status != STATUS_OK)
                return status;
        }
    }
    return calibration_verdict_rank(t);
}

static enum status table_new(const struct line_table *lines, double mono_eV, uint32_t n_pixels, struct calibration_table **out) {
    struct calibration_table *t = calloc(1, sizeof *t);
    if (!t)
        return STATUS_NO_MEMORY;
    t->mono_eV = mono_eV;
    t->resolution_eV = t->template_margin = NAN;
    t->n_pixels = n_pixels;
    t->reference_pixel = UINT32_MAX;
    memcpy(t->line_table_name, lines->name, sizeof t->line_table_name);
    size_t length = strlen(lines->text) + 1;
    t->line_table_text = malloc(length);
    t->pixels = calloc(n_pixels ? n_pixels : 1, sizeof *t->pixels);
    if (!t->line_table_text || !t->pixels) {
        calibration_table_free(t);
        return STATUS_NO_MEMORY;
    }
    memcpy(t->line_table_text, lines->text, length);
    *out = t;
    return STATUS_OK;
}

static enum status prepare(struct learning *l) {
    l->works = calloc(l->n ? l->n : 1, sizeof *l->works);
    if (!l->works)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < l->n; i++)
        if (pixel_work_init(&l->works[i], &l->heights[i], &l->plan) == STATUS_NO_MEMORY)
            return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static void learning_done(struct learning *l) {
    for (uint32_t i = 0; l->works && i < l->n; i++)
        pixel_work_done(&l->works[i]);
    assignment_done(&l->assignment);
    free(l->works);
}

static bool lacks_lines(const struct pixel_calibration *p) {
    return strstr(p->reason, "lines of the table were not found") != NULL;
}

/* Where no pixel has the lines, that is no fault of the pixels: a wrong table, or a wrong incident energy, must not look like a broken array. */
static void blame_table(struct calibration_table *t) {
    for (uint32_t i = 0; i < t->n_pixels; i++)
        if (t->pixels[i].verdict == VERDICT_BAD && strncmp(t->pixels[i].reason, "the lines of the table", 22) == 0)
            t->pixels[i].verdict = VERDICT_NO_TABLE;
}

static uint32_t count_verdict(const struct calibration_table *t, enum verdict verdict) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_pixels; i++)
        n += t->pixels[i].verdict == verdict;
    return n;
}

/* Good pixels or a complaint with the reason of the pixel that had most pulses. */
static enum status judge_table(struct calibration_table *t, struct complaint *why) {
    const struct pixel_calibration *busiest = NULL;
    for (uint32_t i = 0; i < t->n_pixels; i++) {
        if (t->pixels[i].curve) {
            if (t->remark[0])
                complaint_set(why, 0, 0, "%s", t->remark);
            return STATUS_OK;
        }
        if (!busiest || t->pixels[i].pulses > busiest->pulses)
            busiest = &t->pixels[i];
    }
    uint32_t without = 0, ambiguous = count_verdict(t, VERDICT_AMBIGUOUS);
    for (uint32_t i = 0; i < t->n_pixels; i++)
        without += lacks_lines(&t->pixels[i]);
    if (without > 1)
        blame_table(t);
    if (ambiguous > 1 && ambiguous > without)
        complaint_set(why, 0, 0, "no pixel of %u could be calibrated; in %u the lines of table %.40s can be told in different ways that fit about equally well: is one "
                      "of its energies wrong, or a line not of this sample?", t->n_pixels, ambiguous, t->line_table_name);
    else if (without > 0)
        complaint_set(why, 0, 0, "no pixel of %u could be calibrated; %u have pulses enough but not the lines of table %.40s: is it the table of this sample, and %.6g eV the "
                      "incident energy?", t->n_pixels, without, t->line_table_name, t->mono_eV);
    else
        complaint_set(why, 0, 0, "no pixel of %u could be calibrated; the one with most pulses: %s", t->n_pixels, busiest ? busiest->reason : "there is none");
    return STATUS_TOO_FEW;
}

static void tell_template(const struct array_template *common, struct calibration_table *t) {
    if (!common)
        return;
    t->template_pixels = common->n_pixels;
    t->template_margin = common->match.n_choices ? common->match.margin : (double)NAN;
    if (common->assigned)
        t->reference_pixel = common->pixel;
}

static enum status learn_all(struct learning *l, struct calibration_table *t) {
    enum status status = prepare(l);
    if (status == STATUS_OK)
        status = assignment_make(&l->assignment, &l->plan, l->works, l->n, l->before);
    if (status != STATUS_OK)
        return status;
    tell_template(l->assignment.common, t);
    struct array_fit fit = {.plan = &l->plan, .assignment = &l->assignment, .heights = l->heights, .tails = l->rules.tails};
    status = array_fit_run(&fit);
    t->tail = fit.tail;
    return status == STATUS_OK ? finish_all(l, t) : status;
}

static enum status learn_once(const struct calibration_rules *rules, const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels,
                              uint32_t n_pixels, const struct calibration_table *before, struct calibration_table **out, struct complaint *why) {
    struct learning l = {.rules = *rules, .n = n_pixels, .before = before, .heights = pixels};
    struct calibration_table *t = NULL;
    enum status status = fit_plan_init(&l.plan, lines, mono_eV, why);
    if (status != STATUS_OK)
        return status;
    status = table_new(lines, mono_eV, n_pixels, &t);
    if (status == STATUS_OK)
        status = learn_all(&l, t);
    learning_done(&l);
    if (status != STATUS_OK) {
        calibration_table_free(t);
        return status;
    }
    *out = t;
    return STATUS_OK;
}

/* The anchor that lies far off in all pixels, beyond doubt: it is not the line the table says. NULL: none. */
static const struct table_line *impossible_anchor(const struct calibration_table *t) {
    double top = 1000;
    for (uint32_t k = 0; k < t->n_lines; k++)
        top = t->lines[k].anchor ? fmax(top, t->lines[k].energy_eV) : top;
    for (uint32_t k = 0; k < t->n_lines; k++)
        if (fabs(t->lines[k].fault_eV) > IMPOSSIBLE * top / 1000)
            return &t->lines[k];
    return NULL;
}

/* Once more with that line only compared, not carrying curves. What the first pass said about it stays. */
static enum status learn_without(const struct calibration_rules *rules, const struct table_line *line, const struct line_table *lines,
                                 const struct calibration_heights *pixels, const struct calibration_table *before, struct calibration_table **t) {
    struct line_table fewer = *lines;
    struct calibration_table *again;
    fewer.lines = malloc((lines->n + 1) * sizeof *fewer.lines);
    if (!fewer.lines)
        return STATUS_NO_MEMORY;
    memcpy(fewer.lines, lines->lines, lines->n * sizeof *fewer.lines);
    for (size_t i = 0; i < fewer.n; i++)
        if (strcmp(fewer.lines[i].name, line->line) == 0 && fewer.lines[i].use == LINE_ANCHOR)
            fewer.lines[i].use = LINE_CHECK;
    enum status status = learn_once(rules, &fewer, (*t)->mono_eV, pixels, (*t)->n_pixels, before, &again, NULL);
    free(fewer.lines);
    if (status != STATUS_OK)
        return status;
    for (uint32_t k = 0; k < again->n_lines; k++)
        if (strcmp(again->lines[k].line, line->line) == 0)
            again->lines[k].fault_eV = line->fault_eV;
    snprintf(again->remark, sizeof again->remark, "%s was left out: the table has it at %.2f eV, %+.1f eV from where all pixels have the line there", line->line,
             line->energy_eV, line->fault_eV);
    calibration_table_free(*t);
    *t = again;
    return STATUS_OK;
}

static enum status list_peaks(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                              struct calibration_table **out) {
    struct calibration_table *t = NULL;
    enum status status = table_new(lines, mono_eV, n_pixels, &t);
    for (uint32_t i = 0; status == STATUS_OK && i < n_pixels; i++)
        status = pixel_peaks_list(&pixels[i], &t->pixels[i]);
    if (status == STATUS_OK)
        *out = t;
    else
        calibration_table_free(t);
    return status;
}

enum status calibration_table_learn_by(const struct calibration_rules *rules, const struct line_table *lines, double mono_eV,
                                       const struct calibration_heights *pixels, uint32_t n_pixels, const struct calibration_table *before,
                                       struct calibration_table **out, struct complaint *why) {
    struct calibration_table *t = NULL;
    if (lines->n == 0)
        return list_peaks(lines, mono_eV, pixels, n_pixels, out);
    enum status status = learn_once(rules, lines, mono_eV, pixels, n_pixels, before, &t, why);
    if (status != STATUS_OK)
        return status;
    const struct table_line *impossible = impossible_anchor(t);
    if (impossible)
        status = learn_without(rules, impossible, lines, pixels, before, &t);
    if (status != STATUS_OK) {
        calibration_table_free(t);
        return status;
    }
    *out = t;
    return judge_table(t, why);
}

enum status calibration_table_learn(const struct line_table *lines, double mono_eV, const struct calibration_heights *pixels, uint32_t n_pixels,
                                    const struct calibration_table *before, struct calibration_table **out, struct complaint *why) {
    return calibration_table_learn_by(&(struct calibration_rules){.tails = false}, lines, mono_eV, pixels, n_pixels, before, out, why);
}

void calibration_table_free(struct calibration_table *t) {
    if (!t)
        return;
    for (uint32_t i = 0; t->pixels && i < t->n_pixels; i++)
        calibration_curve_free(t->pixels[i].curve);
    free(t->pixels);
    free(t->line_table_text);
    free(t);
}
