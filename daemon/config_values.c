#include "daemon/config_values.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/options_faults.h"

/* The schema needs its names and fields to live as long as it does. */
struct schema {
    cyaml_schema_value_t root;
    cyaml_schema_field_t *sections;  /* one per section, "roi", end */
    cyaml_schema_field_t *keys;      /* rows of all sections, an end after each section */
    char *names;                     /* the sections' names */
};

struct error_text {
    char message[120], field[64];
    uint32_t line;
};

static const cyaml_schema_field_t roi_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config_roi, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("lo_eV", CYAML_FLAG_POINTER, struct config_roi, lo_eV, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("hi_eV", CYAML_FLAG_POINTER, struct config_roi, hi_eV, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t roi_entry = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_roi, roi_fields) };

size_t option_section_length(const struct option_row *row) {
    return strcspn(row->name, ".");
}

static bool same_section(const struct option_row *a, const struct option_row *b) {
    size_t n = option_section_length(a);
    return n == option_section_length(b) && memcmp(a->name, b->name, n) == 0;
}

static uint32_t text_offset(size_t row) {
    return (uint32_t)(offsetof(struct config_values, text) + row * sizeof(char *));
}

/* Rows [first, end) are one section: its mapping covers their texts in struct config_values and nothing else. */
static void fill_section(struct schema *s, cyaml_schema_field_t *section, cyaml_schema_field_t *keys, char *name, size_t first, size_t end) {
    size_t n = option_section_length(&option_table[first]);
    memcpy(name, option_table[first].name, n);
    for (size_t i = first; i < end; i++)
        keys[i - first] = (cyaml_schema_field_t){
            .key = option_table[i].name + n + 1,
            .data_offset = text_offset(i) - text_offset(first),
            .value = { .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, .data_size = sizeof(char), .string = { .max = CYAML_UNLIMITED } },
        };
    *section = (cyaml_schema_field_t){
        .key = name,
        .data_offset = text_offset(first),
        .value = { .type = CYAML_MAPPING, .flags = CYAML_FLAG_OPTIONAL, .data_size = text_offset(end) - text_offset(first), .mapping = { .fields = keys } },
    };
    s->root.data_size = text_offset(end);
}

static void schema_done(struct schema *s) {
    free(s->sections);
    free(s->keys);
    free(s->names);
}

static bool schema_init(struct schema *s) {
    size_t name_bytes = 0;
    for (size_t i = 0; i < option_count; i++)
        name_bytes += option_section_length(&option_table[i]) + 1;
    *s = (struct schema){
        .sections = calloc(option_count + 2, sizeof *s->sections),
        .keys = calloc(2 * option_count, sizeof *s->keys),
        .names = calloc(name_bytes, 1),
    };
    if (s->sections == NULL || s->keys == NULL || s->names == NULL) {
        schema_done(s);
        return false;
    }
    size_t n_sections = 0;
    cyaml_schema_field_t *keys = s->keys;
    char *name = s->names;
    for (size_t first = 0, end; first < option_count; first = end) {
        for (end = first + 1; end < option_count && same_section(&option_table[first], &option_table[end]);)
            end++;
        fill_section(s, &s->sections[n_sections++], keys, name, first, end);
        keys += end - first + 1;
        name += strlen(name) + 1;
    }
    s->sections[n_sections] = (cyaml_schema_field_t)CYAML_FIELD_SEQUENCE("roi", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_values, roi, &roi_entry, 0, CYAML_UNLIMITED);
    s->root.type = CYAML_MAPPING;
    s->root.flags = CYAML_FLAG_POINTER;
    s->root.mapping.fields = s->sections;
    return true;
}

/* libcyaml's errors come as a message and a backtrace "  in mapping field 'x' (line: 3, column: 4)", innermost first. */
static void keep_error(cyaml_log_t level, void *context, const char *format, va_list args) {
    (void)level;
    struct error_text *e = context;
    char text[200];
    vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    const char *line = strstr(text, "(line: ");
    if (line != NULL && e->line == 0) {
        e->line = (uint32_t)strtoul(line + strlen("(line: "), NULL, 10);
        sscanf(text, " in mapping field '%63[^']'", e->field);
    } else if (line == NULL && e->message[0] == '\0' && strstr(text, "Backtrace") == NULL) {
        snprintf(e->message, sizeof e->message, "%.119s", strncmp(text, "Load: ", 6) == 0 ? text + 6 : text);
    }
}

static const char *plain_word(const char *cyaml_word) {
    static const struct { const char *theirs, *ours; } words[] = {
        { "MAPPING", "'key: value' lines" }, { "SEQUENCE", "a list" }, { "STRING", "a single value" }, { "SCALAR", "a single value" },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp(cyaml_word, words[i].theirs, strlen(words[i].theirs)) == 0)
            return words[i].ours;
    return "something else";
}

static void report(struct options_faults *faults, const struct error_text *e, cyaml_err_t code) {
    static const char remedy[] = "'tesd check-config --sample' shows the form";
    const char *got = strstr(e->message, "got event: ");
    const char *at = e->field[0] ? e->field : "the file";
    if (strncmp(e->message, "Expecting ", 10) == 0 && got != NULL)
        options_faults_add(faults, e->line, "%s: %s wanted, not %s; %s", at, plain_word(e->message + 10), plain_word(got + 11), remedy);
    else
        options_faults_add(faults, e->line, "%s: %s; %s", at, e->message[0] ? e->message : cyaml_strerror(code), remedy);
}

static cyaml_config_t configure(struct error_text *error) {
    return (cyaml_config_t){
        .log_fn = keep_error,
        .log_ctx = error,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_WARNING,
        .flags = CYAML_CFG_IGNORE_UNKNOWN_KEYS | CYAML_CFG_NO_ALIAS,
    };
}

bool config_values_load(const uint8_t *bytes, size_t n, struct config_values **out, struct options_faults *faults) {
    struct schema schema;
    if (!schema_init(&schema)) {
        options_faults_add(faults, 0, "out of memory");
        return false;
    }
    struct error_text error = { .line = 0 };
    cyaml_config_t config = configure(&error);
    cyaml_data_t *data = NULL;
    cyaml_err_t code = cyaml_load_data(bytes, n, &config, &schema.root, &data, NULL);
    schema_done(&schema);
    if (code != CYAML_OK)
        report(faults, &error, code);
    else if (data == NULL)
        options_faults_add(faults, 0, "nothing in it");
    else
        *out = data;
    return code == CYAML_OK && data != NULL;
}

void config_values_free(struct config_values *v) {
    struct schema schema;
    if (v == NULL || !schema_init(&schema))
        return;
    struct error_text error = { .line = 0 };
    cyaml_config_t config = configure(&error);
    cyaml_free(&config, &schema.root, v, 0);
    schema_done(&schema);
}
