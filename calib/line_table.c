#include "calib/line_table.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { N_COLUMNS = 7, MAX_BYTES = 1 << 20 };

static const char *const columns[N_COLUMNS] = {"line", "energy_eV", "unc_eV", "use", "excited_above_eV", "components", "source"};

/* A piece of the text, not NUL-terminated. */
struct field {
    const char *at;
    size_t n;
};

/* Where we are, for complaints. */
struct place {
    const char *start;
    const char *at;
    uint32_t line;
    struct complaint *why;
};

#define REFUSE(place, ...) \
    (complaint_set((place)->why, (uint64_t)((place)->at - (place)->start), (place)->line, __VA_ARGS__), STATUS_BAD_VALUE)

static struct field trim(struct field f) {
    while (f.n > 0 && isspace((unsigned char)f.at[0])) {
        f.at++;
        f.n--;
    }
    while (f.n > 0 && isspace((unsigned char)f.at[f.n - 1]))
        f.n--;
    return f;
}

/* Cuts at every separator; returns the number of pieces, of which at most max are stored. */
static size_t split(struct field f, char separator, struct field *out, size_t max) {
    size_t n = 0;
    for (;;) {
        const char *end = memchr(f.at, separator, f.n);
        struct field piece = {f.at, end ? (size_t)(end - f.at) : f.n};
        if (n < max)
            out[n] = trim(piece);
        n++;
        if (!end)
            return n;
        f.n -= piece.n + 1;
        f.at = end + 1;
    }
}

static bool field_is(struct field f, const char *word) {
    return f.n == strlen(word) && memcmp(f.at, word, f.n) == 0;
}

/* Plain decimal numbers only: strtod alone would also take 'nan', 'inf' and hexadecimal. */
static bool to_number(struct field f, double *out) {
    char text[48];
    if (f.n == 0 || f.n >= sizeof text)
        return false;
    for (size_t i = 0; i < f.n; i++)
        if (!memchr("0123456789+-.eE", f.at[i], 15))
            return false;
    memcpy(text, f.at, f.n);
    text[f.n] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static enum status parse_component(struct field text, const struct place *here, struct line_component *out) {
    struct field part[5];
    size_t n = split(text, ':', part, 5);
    char shape = part[0].n == 1 ? part[0].at[0] : '?';
    size_t expected = shape == 'V' ? 5 : shape == 'G' || shape == 'L' ? 4 : 0;
    if (expected == 0)
        return REFUSE(here, "component shape '%.*s' is not G, L or V", (int)(part[0].n < 20 ? part[0].n : 20), part[0].at);
    if (n != expected)
        return REFUSE(here, "component of shape %c has %zu parts, not %zu", shape, n, expected);
    double number[4] = {0};
    for (size_t i = 1; i < n; i++)
        if (!to_number(part[i], &number[i - 1]) || number[i - 1] < 0)
            return REFUSE(here, "component part '%.*s' is not a number >= 0", (int)(part[i].n < 40 ? part[i].n : 40), part[i].at);
    struct line_component c = {
        .shape = shape,
        .centre_eV = number[0],
        .lorentz_fwhm_eV = shape == 'G' ? 0 : number[1],
        .gauss_fwhm_eV = shape == 'G' ? number[1] : shape == 'V' ? number[2] : 0,
        .area = number[n - 2],
    };
    if (!(c.centre_eV > 0) || !(c.area > 0) || !(c.lorentz_fwhm_eV + c.gauss_fwhm_eV > 0))
        return REFUSE(here, "component needs a centre, a width and an area above 0");
    *out = c;
    return STATUS_OK;
}

/* The energy is where the profile has its maximum, so it cannot lie outside all its components: that catches typing errors. */
static bool energy_in_profile(const struct reference_line *l) {
    for (uint32_t i = 0; i < l->n_components; i++) {
        const struct line_component *c = &l->components[i];
        if (fabs(l->energy_eV - c->centre_eV) <= fmax(c->lorentz_fwhm_eV + c->gauss_fwhm_eV, 1e-3 * l->energy_eV))
            return true;
    }
    return l->n_components == 0;
}

static enum status parse_components(struct field text, const struct place *here, struct reference_line *l) {
    if (text.n == 0)
        return STATUS_OK;
    struct field part[LINE_MAX_COMPONENTS];
    size_t n = split(text, '|', part, LINE_MAX_COMPONENTS);
    if (n > LINE_MAX_COMPONENTS)
        return REFUSE(here, "%zu components, at most %d are possible", n, LINE_MAX_COMPONENTS);
    for (size_t i = 0; i < n; i++) {
        enum status s = parse_component(part[i], here, &l->components[i]);
        if (s != STATUS_OK)
            return s;
    }
    l->n_components = (uint32_t)n;
    if (!energy_in_profile(l))
        return REFUSE(here, "energy_eV %g of %s lies outside its components", l->energy_eV, l->name);
    return STATUS_OK;
}

static enum status parse_number(struct field f, const char *column, const struct place *here, double *out) {
    double value;
    if (!to_number(f, &value) || value < 0)
        return REFUSE(here, "%s '%.*s' is not a number >= 0", column, (int)(f.n < 40 ? f.n : 40), f.at);
    *out = value;
    return STATUS_OK;
}

static enum status parse_use(struct field f, const struct place *here, enum line_use *out) {
    static const char *const words[] = {[LINE_OFF] = "off", [LINE_CHECK] = "check", [LINE_ANCHOR] = "anchor"};
    for (int i = LINE_OFF; i <= LINE_ANCHOR; i++)
        if (field_is(f, words[i])) {
            *out = (enum line_use)i;
            return STATUS_OK;
        }
    return REFUSE(here, "use '%.*s' is not anchor, check or off", (int)(f.n < 20 ? f.n : 20), f.at);
}

static enum status parse_name(struct field f, const struct place *here, char name[16]) {
    if (f.n == 0 || f.n > 15)
        return REFUSE(here, "line name must have 1 to 15 characters");
    for (size_t i = 0; i < f.n; i++)
        if (!isgraph((unsigned char)f.at[i]))
            return REFUSE(here, "line name has a character that cannot be printed, or a space");
    memcpy(name, f.at, f.n);
    name[f.n] = '\0';
    return STATUS_OK;
}

/* A line lies below its edge; tables round. */
static const double ABOVE_EDGE = 1.005;

static enum status parse_row(struct field text, const struct place *here, struct reference_line *out) {
    struct field f[N_COLUMNS];
    size_t n = split(text, ',', f, N_COLUMNS);
    if (n != N_COLUMNS)
        return REFUSE(here, "%zu fields where %d are expected; no field may contain a comma", n, N_COLUMNS);
    struct reference_line l = {.n_components = 0};
    enum status s = parse_name(f[0], here, l.name);
    if (s == STATUS_OK)
        s = parse_number(f[1], columns[1], here, &l.energy_eV);
    if (s == STATUS_OK)
        s = parse_number(f[2], columns[2], here, &l.unc_eV);
    if (s == STATUS_OK)
        s = parse_use(f[3], here, &l.use);
    if (s == STATUS_OK && f[4].n > 0)
        s = parse_number(f[4], columns[4], here, &l.excited_above_eV);
    if (s == STATUS_OK && !(l.energy_eV > 0))
        s = REFUSE(here, "energy_eV of %s is not above 0", l.name);
    if (s == STATUS_OK && l.excited_above_eV > 0 && l.energy_eV > ABOVE_EDGE * l.excited_above_eV)
        s = REFUSE(here, "energy_eV %g of %s lies above excited_above_eV %g, and no line is harder than what excites it", l.energy_eV, l.name, l.excited_above_eV);
    if (s == STATUS_OK)
        s = parse_components(f[5], here, &l);
    if (s == STATUS_OK)
        *out = l;
    return s;
}

static enum status check_head(struct field text, const struct place *here) {
    struct field f[N_COLUMNS];
    size_t n = split(text, ',', f, N_COLUMNS);
    for (size_t i = 0; i < N_COLUMNS; i++)
        if (i >= n || !field_is(f[i], columns[i]))
            return REFUSE(here, "column %zu of the head line is not '%s'", i + 1, columns[i]);
    return n == N_COLUMNS ? STATUS_OK : REFUSE(here, "the head line has %zu columns, not %d", n, N_COLUMNS);
}

static enum status add_row(struct line_table *t, const struct reference_line *l, const struct place *here) {
    if (t->n == LINE_TABLE_MAX)
        return REFUSE(here, "more than %d lines", LINE_TABLE_MAX);
    for (size_t i = 0; i < t->n; i++) {
        if (strcmp(t->lines[i].name, l->name) == 0)
            return REFUSE(here, "line %s is there twice", l->name);
        if (l->use == LINE_ANCHOR && t->lines[i].use == LINE_ANCHOR && !(fabs(t->lines[i].energy_eV - l->energy_eV) > 0))
            return REFUSE(here, "anchors %s and %s have the same energy", t->lines[i].name, l->name);
    }
    t->lines[t->n++] = *l;
    return STATUS_OK;
}

static enum status parse_text(struct line_table *t, size_t n, struct complaint *why) {
    bool headed = false;
    struct field rest = {t->text, n};
    if (rest.n >= 3 && memcmp(rest.at, "\xEF\xBB\xBF", 3) == 0) {  /* byte order mark of some editors */
        rest.at += 3;
        rest.n -= 3;
    }
    struct place here = {.start = t->text, .at = rest.at, .line = 0, .why = why};
    while (rest.n > 0) {
        const char *end = memchr(rest.at, '\n', rest.n);
        struct field row = {rest.at, end ? (size_t)(end - rest.at) : rest.n};
        size_t used = row.n + (end ? 1 : 0);
        here.at = rest.at;
        here.line++;
        rest.at += used;
        rest.n -= used;
        row = trim(row);
        if (row.n == 0 || row.at[0] == '#')
            continue;
        struct reference_line l;
        enum status s = headed ? parse_row(row, &here, &l) : check_head(row, &here);
        if (s == STATUS_OK && headed)
            s = add_row(t, &l, &here);
        if (s != STATUS_OK)
            return s;
        headed = true;
    }
    here.at = rest.at;
    return t->n > 0 ? STATUS_OK : REFUSE(&here, "no line in the table");
}

static int by_energy(const void *a, const void *b) {
    const struct reference_line *x = a, *y = b;
    if (x->energy_eV < y->energy_eV || x->energy_eV > y->energy_eV)
        return x->energy_eV < y->energy_eV ? -1 : 1;
    return strcmp(x->name, y->name);
}

enum status line_table_parse(const char *name, const uint8_t *bytes, size_t n, struct line_table **out, struct complaint *why) {
    struct place start = {.start = (const char *)bytes, .at = (const char *)bytes, .line = 1, .why = why};
    if (n > MAX_BYTES)
        return REFUSE(&start, "%zu bytes are too many for a line table", n);
    if (n > 0 && memchr(bytes, '\0', n))
        return REFUSE(&start, "a zero byte: this is not a text file");
    struct line_table *t = calloc(1, sizeof *t);
    if (!t)
        return STATUS_NO_MEMORY;
    t->lines = calloc(LINE_TABLE_MAX, sizeof *t->lines);
    t->text = malloc(n + 1);
    enum status s = STATUS_NO_MEMORY;
    if (t->lines && t->text) {
        if (n > 0)
            memcpy(t->text, bytes, n);
        t->text[n] = '\0';
        strncpy(t->name, name, sizeof t->name - 1);
        s = parse_text(t, n, why);
    }
    if (s != STATUS_OK) {
        line_table_free(t);
        return s;
    }
    qsort(t->lines, t->n, sizeof *t->lines, by_energy);
    *out = t;
    return STATUS_OK;
}

struct line_table *line_table_none(void) {
    struct line_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->lines = calloc(1, sizeof *t->lines);
    t->text = calloc(1, 1);
    if (!t->lines || !t->text) {
        line_table_free(t);
        return NULL;
    }
    memcpy(t->name, "none", sizeof "none");
    return t;
}

void line_table_free(struct line_table *t) {
    if (!t)
        return;
    free(t->lines);
    free(t->text);
    free(t);
}

size_t line_table_excited(const struct line_table *t, enum line_use use, double mono_eV, uint16_t *index, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < t->n && n < max; i++)
        if (t->lines[i].use == use && (isnan(mono_eV) || mono_eV > t->lines[i].excited_above_eV))
            index[n++] = (uint16_t)i;
    return n;
}
