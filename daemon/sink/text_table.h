/* daemon/sink/text_table.h - columns of numbers with what must be known about them, as text that other programs read.
 *   text_table --csv--> spreadsheets, numpy.genfromtxt(names=True)     --xdi--> Athena, Larch
 * Borrows everything. Numbers are written with as many digits as give the same double back. */
#ifndef TESD_DAEMON_SINK_TEXT_TABLE_H
#define TESD_DAEMON_SINK_TEXT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TEXT_TABLE_COLUMNS = 32, TEXT_TABLE_FACTS = 32 };

struct text_column { const char *name, *units; const double *values; };   /* units "": a pure number */
struct text_fact { const char *key; char value[400]; };   /* one line of the head; a key with a dot ("Sample.name") is of XDI's own words */

struct text_table {
    size_t n_rows, n_columns, n_facts;
    struct text_column columns[TEXT_TABLE_COLUMNS];
    struct text_fact facts[TEXT_TABLE_FACTS];
};

/* Silently drops what no longer fits: give the important first. */
__attribute__((format(printf, 3, 4))) void text_table_fact(struct text_table *t, const char *key, const char *format, ...);
void text_table_column(struct text_table *t, const char *name, const char *units, const double *values);

/* "# key: value" lines, one line of column names "incident_energy_eV", rows with commas; NaN as "nan". */
void text_table_csv(const struct text_table *t, FILE *to);

/* XDI/1.0: `symbol` and `shell` of the absorption edge, NULL: unknown. Column names are the caller's ("energy", "mufluor", ...), the first two
 * what the table is about. Readers take no NaN: another column without any finite value is left out, then rows in which one is not finite,
 * which are counted in the head. False, and nothing written: no row is left. */
bool text_table_xdi(const struct text_table *t, const char *symbol, const char *shell, FILE *to);

/* A matrix: first line the column axis, first column the row axis. The facts of t stand before it; its columns are not used. */
void text_table_matrix(const struct text_table *t, const char *corner, const double *rows, size_t n_rows, const double *columns, size_t n_columns,
                       const double *values, FILE *to);

void text_number(FILE *to, double value);   /* shortest of %.15g and %.17g that reads back the same */

#endif
