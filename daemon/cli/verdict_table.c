#include "daemon/cli/verdict_table.h"

#include <math.h>
#include <string.h>

#include "calib/calibration_sigma.h"

static void print_number(FILE *to, double v, int width, int digits) {
    if (isfinite(v))
        fprintf(to, " %*.*f", width, digits, v);
    else
        fprintf(to, " %*s", width, "-");
}

static unsigned count_used_anchors(const struct array_model *m, size_t pixel) {
    for (size_t k = m->n_tables; k-- > 0;) {
        const struct pixel_calibration *p = &m->tables[k]->pixels[pixel];
        unsigned n = 0;
        for (uint32_t i = 0; i < p->n_fits; i++)
            n += p->fits[i].used;
        if (p->curve != NULL)
            return n;
    }
    return 0;
}

/* What a pixel without a line table shows: height and prominence of its peaks, most prominent first. */
static void print_peaks(FILE *to, const struct pixel_calibration *p) {
    for (uint32_t i = 0; i < p->n_fits; i++)
        fprintf(to, "%s%10.1f (%.0f counts)%s", i % 5 == 0 ? "        " : "  ", p->fits[i].height, p->fits[i].counts, i % 5 == 4 || i + 1 == p->n_fits ? "\n" : "");
}

static void print_row(FILE *to, const struct array_model *m, const struct pixel_totals *totals, size_t i) {
    const struct array_channel *c = &m->channels[i];
    struct array_verdict v = array_model_verdict(m, i);
    fprintf(to, "%7d %-10.10s %-9s %7u", c->channel, c->name, v.verdict, count_used_anchors(m, i));
    print_number(to, v.resolution_eV, 10, 2);
    print_number(to, m->n_tables ? m->tables[0]->pixels[i].correction.gain[TERM_BASELINE] * 1e5 : (double)NAN, 11, 2);
    if (totals != NULL)
        fprintf(to, " %10llu %10llu %6.1f", (unsigned long long)totals[i].records, (unsigned long long)totals[i].photons,
                totals[i].records ? 100.0 * (double)(totals[i].records - totals[i].photons) / (double)totals[i].records : 0.0);
    else
        fprintf(to, " %10llu", (unsigned long long)c->learning.pulse_records);
    const char *note = v.reason[0] ? v.reason : c->reason;
    fprintf(to, "%s%s\n", note[0] ? "  " : "", note);
    for (size_t k = 0; k < m->n_tables; k++)
        if (m->tables[k]->pixels[i].verdict == VERDICT_NO_TABLE)
            print_peaks(to, &m->tables[k]->pixels[i]);
}

static void print_summary(FILE *to, const struct array_model *m) {
    size_t of[N_VERDICTS] = { 0 };
    for (size_t i = 0; i < m->n_channels; i++)
        for (int k = 0; k < N_VERDICTS; k++)
            of[k] += strcmp(array_model_verdict(m, i).verdict, verdict_names[k]) == 0;
    fprintf(to, "%zu pixels:", m->n_channels);
    for (int k = 0; k < N_VERDICTS; k++)
        if (k <= VERDICT_BAD || of[k] > 0)
            fprintf(to, "%s %zu %s", k ? "," : "", of[k], verdict_names[k]);
    fputc('\n', to);
}

/* How well sums over pixels know their energies, at the anchors of the line table: most of the doubt is the table's own. */
static void print_doubt(FILE *to, const struct calibration_table *t) {
    unsigned n = 0;
    for (uint32_t k = 0; k < t->n_lines; k++) {
        struct energy_sigma s = calibration_sigma_at(t, NULL, t->lines[k].energy_eV);
        if (!t->lines[k].anchor || s.n_pixels == 0)
            continue;
        if (n++ == 0)
            fprintf(to, "%s, energies of %u pixels added, 1 sigma (of it the line table's) in eV:", t->label[0] ? t->label : "calibration", s.n_pixels);
        fprintf(to, " %s %.2f (%.2f)", t->lines[k].line, s.sum_eV, s.common_eV);
    }
    if (n > 0)
        fputc('\n', to);
}

void verdict_table_print(FILE *to, const struct array_model *m, const struct pixel_totals *totals) {
    fprintf(to, "%7s %-10s %-9s %7s %10s %11s", "channel", "name", "verdict", "anchors", "fwhm eV", "drift 1e-5");
    fprintf(to, totals != NULL ? " %10s %10s %6s  note\n" : " %10s  note\n", totals != NULL ? "records" : "trained on", "photons", "cut %");
    for (size_t i = 0; i < m->n_channels; i++)
        print_row(to, m, totals, i);
    print_summary(to, m);
    for (size_t k = 0; k < m->n_tables; k++)
        print_doubt(to, m->tables[k]);
}
