#include "daemon/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_value.h"

#define AT(field) offsetof(struct options, field)
#define TEXT_HI(field) ((double)sizeof(((struct options *)0)->field) - 1)

/* Rows of one section stand together. */
const struct option_row option_table[] = {
    { .name = "calibration.lines", .unit = "", .default_text = "nslsii-mix", .kind = OPT_TEXT, .offset = AT(calibration.lines), .lo = 1, .hi = TEXT_HI(calibration.lines),
      .help = "line table: a name in config/lines (NAME.csv) or a path" },
    { .name = "calibration.mono_eV", .unit = "eV", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(calibration.mono_eV), .lo = 0, .hi = 20000,
      .help = "incident energy while calibrating, which decides the lines that are excited; 0 takes it from the log" },
    { .name = "calibration.curve", .unit = "", .default_text = "spline", .kind = OPT_TEXT, .offset = AT(calibration.curve), .lo = 1, .hi = TEXT_HI(calibration.curve),
      .help = "form of the gain p/E: spline (through the anchors), smoothing (spline that gives way by the anchors' errors) or quadratic" },

    { .name = "monitor.window_s", .unit = "s", .default_text = "300", .kind = OPT_NUMBER, .offset = AT(monitor.window_s), .lo = 10, .hi = 86400,
      .help = "length of the windows in which every pixel is watched: baseline, residual, rate, a line and the elastic line" },
    { .name = "monitor.line", .unit = "", .default_text = "OKa", .kind = OPT_TEXT, .offset = AT(monitor.line), .lo = 0, .hi = TEXT_HI(monitor.line),
      .help = "line of the table whose centre is watched; empty is none" },
    { .name = "monitor.alarm_eV", .unit = "eV", .default_text = "1", .kind = OPT_NUMBER, .offset = AT(monitor.alarm_eV), .lo = 0.05, .hi = 100,
      .help = "a pixel is alarmed when what is watched has moved by so much since its calibration" },

    { .name = "analysis.kernel", .unit = "", .default_text = "auto", .kind = OPT_TEXT, .offset = AT(analysis.kernel), .lo = 1, .hi = TEXT_HI(analysis.kernel),
      .help = "variant of the hot loops: auto (the fastest that this machine has), scalar, avx2" },
    { .name = "analysis.neighbours", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(analysis.neighbours),
      .help = "replay that learns: take the mains, followed by the pretrigger means of all pixels, and the slow baseline as known in pixels whose lines bear that "
              "out; others, and records before which something happened, stay with the standard filter" },

    { .name = "rixs.emission_lo_eV", .unit = "eV", .default_text = "200", .kind = OPT_NUMBER, .offset = AT(rixs.emission.lo_eV), .lo = 0, .hi = 20000,
      .help = "where the emission axis of the maps begins" },
    { .name = "rixs.emission_hi_eV", .unit = "eV", .default_text = "1100", .kind = OPT_NUMBER, .offset = AT(rixs.emission.hi_eV), .lo = 0, .hi = 20000,
      .help = "where it ends: a whole number of bins further" },
    { .name = "rixs.emission_bin_eV", .unit = "eV", .default_text = "0.25", .kind = OPT_NUMBER, .offset = AT(rixs.emission.bin_eV), .lo = 0.01, .hi = 50,
      .help = "width of an emission bin" },
    { .name = "rixs.loss_lo_eV", .unit = "eV", .default_text = "-20", .kind = OPT_NUMBER, .offset = AT(rixs.loss.lo_eV), .lo = -20000, .hi = 20000,
      .help = "where the energy-loss axis (incident - emission) begins" },
    { .name = "rixs.loss_hi_eV", .unit = "eV", .default_text = "80", .kind = OPT_NUMBER, .offset = AT(rixs.loss.hi_eV), .lo = -20000, .hi = 20000,
      .help = "where it ends: a whole number of bins further" },
    { .name = "rixs.loss_bin_eV", .unit = "eV", .default_text = "0.25", .kind = OPT_NUMBER, .offset = AT(rixs.loss.bin_eV), .lo = 0.01, .hi = 50,
      .help = "width of an energy-loss bin" },
    { .name = "rixs.best_pixels", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(rixs.best_pixels), .lo = 0, .hi = 100000,
      .help = "use only so many pixels of the best resolution in a scan's products; 0 uses all good ones" },

    { .name = "scan.i0_key", .unit = "", .default_text = "i0", .kind = OPT_TEXT, .offset = AT(scan.i0_key), .lo = 1, .hi = TEXT_HI(scan.i0_key),
      .help = "name of the incident-flux value among the point extras of a scan log" },

    { .name = "replay.workers", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(replay.workers), .lo = 0, .hi = 256,
      .help = "analysis threads of tesd replay; 0 is one for each core" },

    { .name = "trigger.mode", .unit = "", .default_text = "auto", .kind = OPT_TEXT, .offset = AT(trigger.mode), .lo = 1, .hi = TEXT_HI(trigger.mode),
      .help = "how the acquisition triggered: edge, edge-multi, edge-multi-short, edge-multi-single, edge-multi-isolated or level; auto tells by its status file, else by "
              "the records" },
    { .name = "trigger.auto_channels", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(trigger.automatic), .lo = 0, .hi = TEXT_HI(trigger.automatic),
      .help = "channels that also took records without a pulse (auto trigger), like 3, 17, 100-120" },
    { .name = "trigger.secondary_channels", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(trigger.secondary), .lo = 0, .hi = TEXT_HI(trigger.secondary),
      .help = "channels whose records are copies made at another channel's triggers (group trigger)" },
    { .name = "trigger.isolation_s", .unit = "s", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(trigger.isolation_s), .lo = 0, .hi = 10,
      .help = "least time since the previous pulse for a photon of grade high; 0 is the record length or 6 decay times, whichever is longer" },

    { .name = "archive.compress", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(archive.compress),
      .help = "gzip the photon columns too: smaller files, several times slower to write" },

    { .name = "stream.endpoint", .unit = "", .default_text = "tcp://127.0.0.1:5560", .kind = OPT_TEXT, .offset = AT(stream.endpoint), .lo = 1, .hi = TEXT_HI(stream.endpoint),
      .help = "where maps and spectra are published (ZeroMQ)" },
};
const size_t option_count = sizeof option_table / sizeof option_table[0];

/* 3d L edges: La + Lb and La alone; O K with the window on the 531 -> 523 eV feature; C and N K. */
const struct yield_region options_default_roi[] = {
    { "Mn_L", 625, 662 }, { "Mn_La", 630, 644 }, { "Fe_L", 692, 728 }, { "Fe_La", 697, 711 }, { "Co_L", 763, 800 },
    { "Co_La", 768, 784 }, { "Ni_L", 838, 880 }, { "Ni_La", 842, 858 }, { "Cu_L", 918, 960 }, { "Cu_La", 920, 936 },
    { "O", 505, 535 }, { "O_522_525", 522, 525 }, { "C", 265, 290 }, { "N", 380, 402 },
};
const size_t options_default_roi_count = sizeof options_default_roi / sizeof options_default_roi[0];
static_assert(sizeof options_default_roi / sizeof options_default_roi[0] < OPTIONS_MAX_ROI, "tfy needs a place too");

void options_defaults(struct options *o) {
    *o = (struct options){ .n_roi = 1, .roi = { { "tfy", 200, 1600 } } };
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY];
        bool good = option_value_set(&option_table[i], option_table[i].default_text, o, why);
        assert(good);
        (void)good;
    }
    for (size_t i = 0; i < options_default_roi_count; i++)
        o->roi[o->n_roi++] = options_default_roi[i];
}

void options_done(struct options *o) {
    free(o->text);
    o->text = NULL;
}
