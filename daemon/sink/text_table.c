#include "daemon/sink/text_table.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/version.h"

void text_table_fact(struct text_table *t, const char *key, const char *format, ...) {
    if (t->n_facts == TEXT_TABLE_FACTS)
        return;
    struct text_fact *f = &t->facts[t->n_facts++];
    f->key = key;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->value, sizeof f->value, format, arguments);
    va_end(arguments);
    for (char *c = f->value; *c != '\0'; c++)   /* one line each, whatever a sample is called */
        if (iscntrl((unsigned char)*c))
            *c = ' ';
}

void text_table_column(struct text_table *t, const char *name, const char *units, const double *values) {
    if (t->n_columns < TEXT_TABLE_COLUMNS)
        t->columns[t->n_columns++] = (struct text_column){ .name = name, .units = units, .values = values };
}

void text_number(FILE *to, double value) {
    char text[40];
    if (isnan(value)) {
        fputs("nan", to);
        return;
    }
    snprintf(text, sizeof text, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, sizeof text, "%.17g", value);
    fputs(text, to);
}

static void write_facts(const struct text_table *t, FILE *to) {
    fprintf(to, "# written_by: tesd %s\n", version_number);
    for (size_t k = 0; k < t->n_facts; k++)
        fprintf(to, "# %s: %s\n", t->facts[k].key, t->facts[k].value);
}

static bool ends_in_units(const char *name, const char *units) {
    size_t n = strlen(name), m = strlen(units);
    return strcmp(name, units) == 0 || (m < n && name[n - m - 1] == '_' && strcmp(name + n - m, units) == 0);
}

/* "incident_energy" in "eV" -> incident_energy_eV; a unit that is a formula is left to the head. */
static void write_heading(const struct text_column *c, FILE *to) {
    fputs(c->name, to);
    bool plain = c->units[0] != '\0' && !ends_in_units(c->name, c->units);
    for (const char *u = c->units; *u != '\0'; u++)
        plain = plain && isalnum((unsigned char)*u);
    if (plain)
        fprintf(to, "_%s", c->units);
}

void text_table_csv(const struct text_table *t, FILE *to) {
    write_facts(t, to);
    for (size_t c = 0; c < t->n_columns; c++) {
        fputs(c > 0 ? "," : "", to);
        write_heading(&t->columns[c], to);
    }
    fputc('\n', to);
    for (size_t r = 0; r < t->n_rows; r++)
        for (size_t c = 0; c < t->n_columns; c++) {
            text_number(to, t->columns[c].values[r]);
            fputc(c + 1 < t->n_columns ? ',' : '\n', to);
        }
}

void text_table_matrix(const struct text_table *t, const char *corner, const double *rows, size_t n_rows, const double *columns, size_t n_columns,
                       const double *values, FILE *to) {
    write_facts(t, to);
    fputs(corner, to);
    for (size_t c = 0; c < n_columns; c++) {
        fputc(',', to);
        text_number(to, columns[c]);
    }
    fputc('\n', to);
    for (size_t r = 0; r < n_rows; r++) {
        text_number(to, rows[r]);
        for (size_t c = 0; c < n_columns; c++) {
            fputc(',', to);
            text_number(to, values[r * n_columns + c]);
        }
        fputc('\n', to);
    }
}

/* What a beamline does not have (I0, say) is no value at any point: such a column is left out, and not all the points. The first two are what
 * the table is about. */
static bool column_known(const struct text_table *t, size_t c) {
    bool known = c < 2;
    for (size_t r = 0; r < t->n_rows && !known; r++)
        known = isfinite(t->columns[c].values[r]);
    return known;
}

static bool row_finite(const struct text_table *t, size_t r) {
    for (size_t c = 0; c < t->n_columns; c++)
        if (!isfinite(t->columns[c].values[r]))
            return false;
    return true;
}

static void write_xdi_head(const struct text_table *t, const char *symbol, const char *shell, size_t left_out, FILE *to) {
    fprintf(to, "# XDI/1.0 tesd/%s\n", version_number);
    for (size_t c = 0; c < t->n_columns; c++)
        fprintf(to, "# Column.%zu: %s%s%s\n", c + 1, t->columns[c].name, t->columns[c].units[0] != '\0' ? " " : "", t->columns[c].units);
    if (symbol != NULL && shell != NULL)
        fprintf(to, "# Element.symbol: %s\n# Element.edge: %s\n", symbol, shell);
    for (size_t k = 0; k < t->n_facts; k++)
        if (t->facts[k].value[strspn(t->facts[k].value, " ")] != '\0')   /* readers refuse a key without a value */
            fprintf(to, "# %s%s: %s\n", strchr(t->facts[k].key, '.') != NULL ? "" : "Tesd.", t->facts[k].key, t->facts[k].value);
    if (left_out > 0)
        fprintf(to, "# Tesd.points_left_out: %zu (no I0 or no live time, so no yield)\n", left_out);
    fputs("#----\n#", to);
    for (size_t c = 0; c < t->n_columns; c++)
        fprintf(to, " %s", t->columns[c].name);
    fputc('\n', to);
}

static void write_xdi(const struct text_table *t, const char *symbol, const char *shell, size_t left_out, FILE *to) {
    write_xdi_head(t, symbol, shell, left_out, to);
    for (size_t r = 0; r < t->n_rows; r++) {
        if (!row_finite(t, r))
            continue;
        for (size_t c = 0; c < t->n_columns; c++) {
            fputc(' ', to);
            text_number(to, t->columns[c].values[r]);
        }
        fputc('\n', to);
    }
}

bool text_table_xdi(const struct text_table *t, const char *symbol, const char *shell, FILE *to) {
    struct text_table known = *t;
    size_t left_out = 0;
    known.n_columns = 0;
    for (size_t c = 0; c < t->n_columns; c++)
        if (column_known(t, c))
            known.columns[known.n_columns++] = t->columns[c];
    for (size_t r = 0; r < t->n_rows; r++)
        left_out += !row_finite(&known, r);
    if (left_out == t->n_rows)
        return false;
    write_xdi(&known, symbol, shell, left_out, to);
    return true;
}
