/* tests/calib/simulated_lines.h - a small line table for tests of the simulation. */
#ifndef TESD_TESTS_CALIB_SIMULATED_LINES_H
#define TESD_TESTS_CALIB_SIMULATED_LINES_H

#include <stdlib.h>
#include <string.h>

#include "calib/line_table.h"

static inline struct line_table *simulated_lines(void) {
    static const char text[] =
        "line,energy_eV,unc_eV,use,excited_above_eV,components,source\n"
        "CKa,278.2,0.7,anchor,283.8,G:278.2:7.8:1,made up\n"
        "OKa,524.5,0.7,anchor,532,G:524:4:0.7|V:526:1:2:0.3,made up\n"
        "NiLl,742.3,0.7,check,854.7,,made up\n"
        "NiLa,848.9,0.7,anchor,854.7,G:848.9:2.7:1,made up\n"
        "CuLa,927,0.7,anchor,931,G:927:4.2:1,made up\n"
        "ZnLa,1009,0.7,check,1019,,made up\n";
    struct line_table *t = NULL;
    struct complaint why;
    if (line_table_parse("simulated", (const uint8_t *)text, strlen(text), &t, &why) != STATUS_OK)
        abort();
    return t;
}

#endif
