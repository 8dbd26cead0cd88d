/* calib/rixs_sim.c - each element absorbs mu(E) = steps + white lines; a thick sample seen at 90 degrees emits
 *     I_x = yield_x mu_x(E) / (mu_total(E) + mu_out),
 * so the yield of one element dips where another absorbs (that is what an inverse yield measures). Near a white line a share of
 * the emission goes with the incident energy (dd and charge-transfer excitations at constant loss), the rest stays at the
 * fluorescence energy. */
#include "calib/rixs_sim.h"

#include <math.h>
#include <string.h>

const struct rixs_edge rixs_edges[] = {
    {"o", 522, 552, 527.5, 534},
    {"mn", 632, 662, 638, 646},
    {"co", 768, 804.8, 775.5, 784},
    {"ni", 842, 882, 850, 858},
};
const size_t rixs_edge_count = sizeof rixs_edges / sizeof rixs_edges[0];

const struct rixs_feature rixs_feature_shape = {.incident_eV = 531, .incident_sd_eV = 0.5, .emission_eV = 523, .emission_fwhm_eV = 1.2};

struct peak { double centre_eV, fwhm_eV, height; };

enum { MAX_WHITE = 6, MAX_EMITTED = 3 };

struct element {
    double amount, edge_eV, edge_width_eV;
    double second_edge_eV, second_share;     /* L2 and its part of the step; 0: none */
    struct peak white[MAX_WHITE];            /* on top of the step of 1; of L3 and L2, or of K */
    struct peak emitted[MAX_EMITTED];        /* from the first edge */
    struct peak emitted_second[1];           /* Lb, from L2 */
    double resonant;                         /* share of white-line emission at constant loss */
};

static const struct element elements[] = {
    {.amount = 0.12, .edge_eV = 288, .edge_width_eV = 2, .emitted = {{278.2, 7.8, 1}}},
    {.amount = 0.60, .edge_eV = 535, .edge_width_eV = 1.5, .white = {{529.2, 1.0, 0.55}, {530.6, 1.3, 0.40}, {532.6, 1.6, 0.15}, {538.5, 4.5, 0.7}, {543.5, 5, 0.55}},
     .emitted = {{525.1, 3.3, 0.72}, {521.7, 4.2, 0.28}}},
    {.amount = 0.10, .edge_eV = 641.0, .edge_width_eV = 1, .second_edge_eV = 652, .second_share = 0.33,
     .white = {{640.4, 1.3, 5}, {642.2, 1.7, 9}, {643.6, 1.5, 5}, {653.2, 2.4, 4}}, .emitted = {{637.4, 3.4, 0.95}, {556.2, 2.6, 0.05}},
     .emitted_second = {{648.8, 3.6, 1}}, .resonant = 0.55},
    {.amount = 0.10, .edge_eV = 780, .edge_width_eV = 1, .second_edge_eV = 794.8, .second_share = 0.33,
     .white = {{778.6, 1.3, 4}, {780.3, 1.7, 10}, {782.3, 1.9, 4}, {794.7, 2.4, 4.5}}, .emitted = {{775.31, 3.2, 0.95}, {675.98, 2.6, 0.05}},
     .emitted_second = {{790.21, 3.4, 1}}, .resonant = 0.55},
    {.amount = 0.12, .edge_eV = 854, .edge_width_eV = 1, .second_edge_eV = 871.5, .second_share = 0.33,
     .white = {{853.4, 1.1, 9}, {855.3, 1.5, 8}, {870.6, 2.2, 4.5}}, .emitted = {{848.85, 2.7, 0.95}, {742.3, 2.6, 0.05}},
     .emitted_second = {{866.11, 2.9, 1}}, .resonant = 0.55},
};
enum { N_ELEMENTS = sizeof elements / sizeof elements[0], OXYGEN = 1 };

/* Losses of the d shell and of charge transfer. */
static const struct peak losses[] = {{1.2, 0.7, 0.25}, {2.3, 0.9, 0.35}, {3.6, 1.2, 0.20}, {6.0, 3.0, 0.20}};

static double gaussian(double x, double fwhm) {
    const double u = x / fwhm;
    return exp(-2.772588722239781 * u * u);
}

/* Gaussian-broadened: an arctangent's foot would let the sample emit more than it got. */
static double step(double x, double fwhm) {
    return 0.5 * erfc(-1.6651092223153954 * x / fwhm);
}

/* Absorption per amount: first = by the K or L3 shell, second = by L2, white = the part of first that is in white lines. */
struct absorption { double first, second, white; };

static struct absorption absorb(const struct element *x, double E_eV) {
    struct absorption a = {0};
    const double fall = pow(x->edge_eV / E_eV, 2.5), second = x->second_share;
    a.first = (1 - second) * step(E_eV - x->edge_eV, x->edge_width_eV) * fall;
    if (second > 0)
        a.second = second * step(E_eV - x->second_edge_eV, x->edge_width_eV) * fall;
    for (int i = 0; i < MAX_WHITE && x->white[i].height > 0; i++) {
        const double mu = x->white[i].height * gaussian(E_eV - x->white[i].centre_eV, x->white[i].fwhm_eV);
        if (second > 0 && fabs(x->white[i].centre_eV - x->second_edge_eV) < 5) {
            a.second += mu;
        } else {
            a.first += mu;
            a.white += mu;
        }
    }
    return a;
}

static void emit_all(struct emission_model *m, const struct peak *peaks, int n, double intensity) {
    for (int i = 0; i < n; i++)
        emission_model_add(m, (struct emission_component){.kind = EMISSION_FLUORESCENCE, .centre_eV = peaks[i].centre_eV,
                                                          .gauss_fwhm_eV = peaks[i].fwhm_eV, .intensity = intensity * peaks[i].height});
}

static void emit_element(struct emission_model *m, const struct element *x, struct absorption a, double E_eV, double scale) {
    const double resonant = x->resonant * a.white * scale;
    emit_all(m, x->emitted, MAX_EMITTED, (a.first + 0.3 * a.second) * scale - resonant);   /* 0.3: Coster-Kronig, L2 holes that move to L3 */
    emit_all(m, x->emitted_second, 1, 0.7 * a.second * scale);
    for (size_t i = 0; i < sizeof losses / sizeof losses[0]; i++)
        emission_model_add(m, (struct emission_component){.kind = EMISSION_INELASTIC, .centre_eV = E_eV - losses[i].centre_eV,
                                                          .gauss_fwhm_eV = losses[i].fwhm_eV, .intensity = resonant * losses[i].height});
}

void rixs_sim_point(double E_eV, const struct rixs_feature *feature, struct emission_model *out) {
    struct absorption a[N_ELEMENTS];
    double total = 0.35, white = 0;
    for (int i = 0; i < N_ELEMENTS; i++) {
        a[i] = absorb(&elements[i], E_eV);
        total += elements[i].amount * (a[i].first + a[i].second);
        white += elements[i].amount * a[i].white;
    }
    const double seen = 1 / (total + 0.5);   /* 0.5: absorption of what comes out */
    out->n = 0;
    out->total = 0;
    for (int i = 0; i < N_ELEMENTS; i++)
        emit_element(out, &elements[i], a[i], E_eV, elements[i].amount * seen);
    emission_model_add(out, (struct emission_component){.kind = EMISSION_ELASTIC, .centre_eV = E_eV, .gauss_fwhm_eV = 2.5e-4 * E_eV,
                                                        .intensity = seen * (0.012 + 0.03 * white)});
    emission_model_add(out, (struct emission_component){.kind = EMISSION_CONTINUUM, .centre_eV = 0.5 * (200 + E_eV), .gauss_fwhm_eV = E_eV - 200,
                                                        .intensity = seen * 0.008});
    if (feature == NULL)
        return;
    const struct absorption top = absorb(&elements[OXYGEN], feature->incident_eV);
    const double u = (E_eV - feature->incident_eV) / feature->incident_sd_eV;
    emission_model_add(out, (struct emission_component){.kind = EMISSION_FEATURE, .centre_eV = feature->emission_eV, .gauss_fwhm_eV = feature->emission_fwhm_eV,
                                                        .intensity = feature->strength * elements[OXYGEN].amount * top.first * seen * exp(-0.5 * u * u)});
}

const struct rixs_edge *rixs_edge_named(const char *name) {
    for (size_t i = 0; i < rixs_edge_count; i++)
        if (strcmp(name, rixs_edges[i].name) == 0)
            return &rixs_edges[i];
    return NULL;
}

/* Points are even in the integral of a density that is 1 outside and 4 inside the fine range. */
void rixs_edge_points(const struct rixs_edge *e, size_t n, double *incident_eV) {
    const double before = e->fine_lo_eV - e->lo_eV, fine = 4 * (e->fine_hi_eV - e->fine_lo_eV), after = e->hi_eV - e->fine_hi_eV;
    for (size_t i = 0; i < n; i++) {
        const double s = (before + fine + after) * (double)i / (double)(n - 1);
        const double x = s < before ? e->lo_eV + s : s < before + fine ? e->fine_lo_eV + (s - before) / 4 : e->fine_hi_eV + (s - before - fine);
        incident_eV[i] = round(100 * x) / 100;
    }
}

double rixs_edge_mean(const struct rixs_edge *e, size_t n_points) {
    struct emission_model m;
    double sum = 0;
    for (size_t i = 0; i < n_points; i++) {
        rixs_sim_point(e->lo_eV + (e->hi_eV - e->lo_eV) * ((double)i + 0.5) / (double)n_points, NULL, &m);
        sum += m.total;
    }
    return sum / (double)n_points;
}

static const struct { char line[16]; double intensity; } mix[] = {
    {"CKa", 0.90}, {"NKa", 1.10}, {"OKa", 1.60}, {"FeLl", 0.06}, {"FeLa", 1.00}, {"FeLb", 0.40},
    {"NiLl", 0.06}, {"NiLa", 1.20}, {"NiLb", 0.35}, {"CuLa", 0.60}, {"CuLb", 0.18},
};

static void add_line(struct emission_model *m, const struct reference_line *line, double intensity) {
    double area = 0;
    for (uint32_t i = 0; i < line->n_components; i++)
        area += line->components[i].area;
    for (uint32_t i = 0; i < line->n_components; i++) {
        const struct line_component *c = &line->components[i];
        emission_model_add(m, (struct emission_component){EMISSION_LINE, c->centre_eV, c->lorentz_fwhm_eV, c->gauss_fwhm_eV, intensity * c->area / area});
    }
    if (line->n_components == 0)
        emission_model_add(m, (struct emission_component){EMISSION_LINE, line->energy_eV, 0, 0, intensity});
}

void rixs_sim_calibration(const struct line_table *lines, double mono_eV, struct emission_model *out) {
    out->n = 0;
    out->total = 0;
    for (size_t i = 0; i < lines->n; i++) {
        const struct reference_line *line = &lines->lines[i];
        for (size_t k = 0; k < sizeof mix / sizeof mix[0]; k++)
            if (strcmp(line->name, mix[k].line) == 0 && mono_eV > line->excited_above_eV)
                add_line(out, line, mix[k].intensity);
    }
    emission_model_add(out, (struct emission_component){EMISSION_ELASTIC, mono_eV, 0, 2.5e-4 * mono_eV, 0.6});
    emission_model_add(out, (struct emission_component){EMISSION_CONTINUUM, 0.5 * (200 + mono_eV), 0, mono_eV - 200, 0.10});
    emission_model_scale(out, 1 / out->total);
}
