/* tests/calib/line_mix.h - heights of one synthetic pixel looking at a calibration mix: lines of the default table with the
 * strengths seen at SSRL 10-1 (doc/methods.md, Lines and curves), an elastic line, a flat background, a few saturated pulses. */
#ifndef TESD_TESTS_CALIB_LINE_MIX_H
#define TESD_TESTS_CALIB_LINE_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "calib/line_table.h"
#include "tests/calib/draw.h"

static const char line_mix_table[] =
    "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n"
    "CKa,278.21,0.7,anchor,283.8,G:278.21:7.80:1,test\nNKa,392.25,0.7,anchor,401.6,G:392.25:6.80:1,test\n"
    "OKa,524.45,0.7,anchor,532.0,G:524.45:4.80:1,test\nFeLl,614.84,0.7,check,708.1,,test\n"
    "FeLa,705.01,0.7,anchor,708.1,G:705.01:4.50:1,test\nFeLb,717.45,0.7,check,721.1,,test\n"
    "NiLl,742.3,0.7,check,854.7,,test\nNiLa,848.85,0.7,anchor,854.7,G:848.85:2.70:1,test\n"
    "NiLb,866.11,0.7,check,871.9,G:866.11:2.20:1,test\nCuLa,926.98,0.7,anchor,931.1,G:926.98:4.20:1,test\n"
    "CuLb,947.52,0.7,check,951.0,,test\n";

struct mix_line {
    const char *name;
    double energy_eV, fwhm_eV, strength;
};

static const struct mix_line mix_lines[] = {
    {"CKa", 278.21, 7.8, 0.16},  {"NKa", 392.25, 6.8, 0.26},  {"OKa", 524.45, 4.8, 0.17},  {"FeLl", 614.84, 3.0, 0.01}, {"FeLa", 705.01, 4.5, 0.065},
    {"FeLb", 717.45, 4.5, 0.03}, {"NiLl", 742.3, 3.0, 0.012}, {"NiLa", 848.85, 2.7, 0.12}, {"NiLb", 866.11, 2.2, 0.028}, {"CuLa", 926.98, 4.2, 0.04},
    {"CuLb", 947.52, 3.0, 0.01}, {"elastic", 1000, 0, 0.075},
};
enum { MIX_LINES = sizeof mix_lines / sizeof mix_lines[0] };

struct mix_pixel {
    double gain;           /* units per eV at 0 */
    double bend;           /* per eV: height = gain E / (1 + bend E) + offset */
    double offset;         /* units: a lock-point jump */
    double resolution_eV;
    const char *without;   /* a line that is missing, or NULL */
    double extra_eV;       /* a line nobody knows, 0: none */
};

static inline double mix_height(const struct mix_pixel *p, double energy_eV) {
    return p->gain * energy_eV / (1 + p->bend * energy_eV) + p->offset;
}

static inline double mix_energy(const struct mix_pixel *p, struct seeded *r) {
    double u = draw_uniform(r), sum = 0;
    if (draw_uniform(r) < 0.03)
        return 220 + 800 * u;
    if (p->extra_eV > 0 && draw_uniform(r) < 0.1)
        return p->extra_eV + p->resolution_eV / 2.3548 * draw_normal(r);
    for (size_t i = 0; i < MIX_LINES; i++) {
        sum += mix_lines[i].strength;
        if (u >= sum)
            continue;
        if (p->without && strncmp(p->without, mix_lines[i].name, strlen(p->without)) == 0)
            return -1;
        return mix_lines[i].energy_eV + hypot(mix_lines[i].fwhm_eV, p->resolution_eV) / 2.3548 * draw_normal(r);
    }
    return -1;
}

/* n heights; the caller frees them. */
static inline float *mix_heights(const struct mix_pixel *p, size_t n, struct seeded *r) {
    float *h = malloc((n ? n : 1) * sizeof *h);
    for (size_t i = 0; i < n;) {
        double energy = mix_energy(p, r);
        if (energy > 0)
            h[i++] = draw_uniform(r) < 0.001 ? 60000.0f : (float)mix_height(p, energy);
    }
    return h;
}

static inline struct mix_pixel mix_pixel_random(struct seeded *r) {
    return (struct mix_pixel){.gain = 9 + 9 * draw_uniform(r), .bend = 0.05e-3 + 0.25e-3 * draw_uniform(r), .resolution_eV = 1.5 + 2 * draw_uniform(r)};
}

static inline struct line_table *mix_table(void) {
    struct line_table *t = NULL;
    return line_table_parse("test-mix", (const uint8_t *)line_mix_table, strlen(line_mix_table), &t, NULL) == STATUS_OK ? t : NULL;
}

#endif
