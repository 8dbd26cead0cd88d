/* Any bytes as a line table: a table that keeps its promises, or a complaint. */
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/line_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct line_table *t = NULL;
    struct complaint why = {0};
    if (line_table_parse("fuzz", data, size, &t, &why) != STATUS_OK) {
        assert(!t && why.text[0] != '\0');
        return 0;
    }
    assert(t->n > 0 && t->n <= LINE_TABLE_MAX);
    for (size_t i = 0; i < t->n; i++) {
        assert(isfinite(t->lines[i].energy_eV) && t->lines[i].energy_eV > 0 && t->lines[i].n_components <= LINE_MAX_COMPONENTS);
        assert(i == 0 || t->lines[i - 1].energy_eV <= t->lines[i].energy_eV);
    }
    uint16_t index[LINE_TABLE_MAX];
    assert(line_table_excited(t, LINE_ANCHOR, NAN, index, LINE_TABLE_MAX) <= t->n);
    line_table_free(t);
    return 0;
}
