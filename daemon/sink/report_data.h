/* daemon/sink/report_data.h - what the report page draws, as JSON.   array_model + report_spectra --> text
 * The page (daemon/sink/report/) reads it; its form is no contract for others. Object:
 *   program, title, command, source ("learnt", "loaded"), verdicts [names], fit_columns [names]
 *   channels [{channel, name, verdict, reason, note, trained}]                        in the order of array_model
 *   tables [{label, number, start, end (ISO 8601), mono_eV, line_table, line_text, reference (channel or null),
 *            remark, faults [[line, eV]], lines [{name, energy_eV, unc_eV, use}], pixels [...]}]
 *   pixels [{v (index into verdicts), reason, pulses, resolution_eV, resolution_sigma_eV, rank, step, drift, drift_reference, jump, jumped,
 *            fits [[fit_columns...]], curve {low, step, energy, sigma, common}, spectrum {low, width, counts}, slices [[eV, sigma]]}]
 * energy is in meV, sigma and common in 0.1 meV, at heights low + i step. Series of whole numbers (those three, and counts) are
 * packed: the differences from number to number (the first from 0), zigzag (0 -1 1 -2 -> 0 1 2 3), in digits of 5 bits, lowest
 * first, 32 added to all but the last, written with A-Z a-z 0-9 - _. That is a character for most bins. */
#ifndef TESD_DAEMON_SINK_REPORT_DATA_H
#define TESD_DAEMON_SINK_REPORT_DATA_H

#include "daemon/array_model.h"
#include "daemon/sink/report_spectra.h"

struct report_facts {
    const char *title;          /* what was calibrated: the run */
    const char *command_line;
    const char *source;         /* "learnt" from these records, or "loaded" from a file */
};

/* spectra may be NULL (a loaded calibration has none). The text is ASCII, without '<', '>' and '&', so that it can stand inside a
 * script element whatever the names in it are. free() it. NULL: no memory. */
char *report_data_text(const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra);

#endif
