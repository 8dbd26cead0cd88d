/* calib/line_table.h - reference emission lines as named, versioned data: CSV text --parse--> rows.
 * Columns line,energy_eV,unc_eV,use,excited_above_eV,components,source; '#' comments; no quoting (README, How to add). */
#ifndef TESD_CALIB_LINE_TABLE_H
#define TESD_CALIB_LINE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/status.h"

enum { LINE_MAX_COMPONENTS = 12, LINE_TABLE_MAX = 200 };
enum line_use { LINE_OFF, LINE_CHECK, LINE_ANCHOR };

struct line_component {
    char shape;              /* 'G', 'L' or 'V' */
    double centre_eV;
    double lorentz_fwhm_eV;  /* 0 for G */
    double gauss_fwhm_eV;    /* 0 for L */
    double area;             /* relative, > 0 */
};

struct reference_line {
    char name[16];           /* "NiLa" */
    double energy_eV;        /* where the profile has its maximum; what an anchor reports */
    double unc_eV;
    enum line_use use;
    double excited_above_eV; /* an anchor counts only if the excitation energy exceeds this */
    uint32_t n_components;   /* 0: a single unresolved line */
    struct line_component components[LINE_MAX_COMPONENTS];
};

struct line_table {
    char name[64];           /* file name without .csv */
    size_t n;
    struct reference_line *lines;  /* by energy */
    char *text;              /* the file as it was read, for provenance; NUL-terminated */
};

enum status line_table_parse(const char *name, const uint8_t *bytes, size_t n, struct line_table **out, struct complaint *why);
/* The table called "none", without any line; NULL: no memory. */
struct line_table *line_table_none(void);
void line_table_free(struct line_table *t);

/* Lines of this use that a mono energy excites (NaN: unknown, then all), by energy, as indices into lines. Returns how many. */
size_t line_table_excited(const struct line_table *t, enum line_use use, double mono_eV, uint16_t *index, size_t max);

#endif
