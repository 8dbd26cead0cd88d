#include "daemon/calibration_id.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static uLong add(uLong crc, const void *bytes, size_t n) { return crc32(crc, bytes, (uInt)n); }

/* Not a number is one value, whatever its bits. */
static uLong add_numbers(uLong crc, const double *numbers, size_t n) {
    for (size_t k = 0; k < n; k++) {
        const double value = isnan(numbers[k]) ? -1e300 : numbers[k];
        crc = add(crc, &value, sizeof value);
    }
    return crc;
}

static uLong add_line(uLong crc, const struct table_line *l) {
    const double numbers[] = { l->energy_eV, l->residual_eV, l->spread_eV, l->fault_eV, l->n };
    return add_numbers(add(crc, l->line, strlen(l->line)), numbers, sizeof numbers / sizeof *numbers);
}

void calibration_id_of_table(const struct calibration_table *t, char id[CALIBRATION_ID_TEXT]) {
    const int64_t span[] = { t->start_ns, t->end_ns, (int64_t)t->form, (int64_t)t->template_pixels };
    const double numbers[] = { t->mono_eV, t->resolution_eV, t->template_margin, t->tail.fraction, t->tail.length_eV };
    uLong crc = add_numbers(add(crc32(0, NULL, 0), span, sizeof span), numbers, sizeof numbers / sizeof *numbers);
    for (uint32_t k = 0; k < t->n_lines; k++)
        crc = add_line(crc, &t->lines[k]);
    snprintf(id, CALIBRATION_ID_TEXT, "%.31s-%08lx", t->label[0] != '\0' ? t->label : "CAL", crc);
}

void calibration_id(const struct array_model *m, char id[CALIBRATION_ID_TEXT]) {
    id[0] = '\0';
    if (m != NULL && m->n_tables > 0)
        calibration_id_of_table(m->tables[m->n_tables - 1], id);
}
