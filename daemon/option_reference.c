#include "daemon/option_reference.h"

#include <string.h>

#include "daemon/config_values.h"
#include "daemon/option_value.h"
#include "daemon/options.h"

static bool begins_section(size_t i) {
    size_t n = option_section_length(&option_table[i]);
    return i == 0 || n != option_section_length(&option_table[i - 1]) || memcmp(option_table[i].name, option_table[i - 1].name, n) != 0;
}

/* Texts are quoted: a plain "i0" or "tcp://..." is harmless, but a value put in its place may not be. */
static void sample_row(FILE *to, const struct option_row *row) {
    char allowed[64];
    option_value_allowed(row, allowed, sizeof allowed);
    const char *quote = row->kind == OPT_TEXT ? "\"" : "";
    fprintf(to, "  # %s [%s]\n  %s: %s%s%s\n", row->help, allowed, row->name + option_section_length(row) + 1, quote, row->default_text, quote);
}

void option_reference_sample(FILE *to) {
    fputs("# Settings of tesd: this file holds every one at its default, so anything may be left out.\n"
          "# 'tesd check-config FILE' says what is wrong with a file, 'tesd check-config --sample' prints this one.\n", to);
    for (size_t i = 0; i < option_count; i++) {
        if (begins_section(i))
            fprintf(to, "\n%.*s:\n", (int)option_section_length(&option_table[i]), option_table[i].name);
        sample_row(to, &option_table[i]);
    }
    fputs("\n# Emission windows [lo_eV, hi_eV) whose yield is followed against the incident energy. A list here replaces all of these;\n"
          "# tfy, 200 to 1600 eV, is always there unless the list has its own.\nroi:\n", to);
    for (size_t i = 0; i < options_default_roi_count; i++) {
        const struct yield_region *r = &options_default_roi[i];
        fprintf(to, "  - { name: %s, lo_eV: %g, hi_eV: %g }\n", r->name, r->lo_eV, r->hi_eV);
    }
}

void option_reference_table(FILE *to) {
    fputs("# Settings\n\nMade by `tesd check-config --reference` from the table in `daemon/options.c`. The file is YAML: a key `section.name` stands as `name:` below `section:`.\n"
          "Unknown keys are errors.\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n", to);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        char allowed[64];
        option_value_allowed(row, allowed, sizeof allowed);
        fprintf(to, "| `%s` | `%s` | %s | %s |\n", row->name, row->default_text, allowed, row->help);
    }
    fprintf(to, "\n`roi` is a list of emission windows `{ name, lo_eV, hi_eV }`, at most %d: the name is 1 to 31 letters, digits or `_`, the bounds are 0 to 20000 eV, lo_eV belongs to the window and\n"
                "hi_eV does not. A list replaces the default windows; `tfy` (200 to 1600 eV) is always there unless the list has its own.\n\n"
                "| default window | lo_eV | hi_eV |\n|---|---|---|\n", OPTIONS_MAX_ROI - 1);
    for (size_t i = 0; i < options_default_roi_count; i++) {
        const struct yield_region *r = &options_default_roi[i];
        fprintf(to, "| `%s` | %g | %g |\n", r->name, r->lo_eV, r->hi_eV);
    }
}

/* A hyphen that is typed is \\-, and a line must not begin with a request's dot. */
static void put_roff(FILE *to, const char *text) {
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-' || *c == '\\')
            fputc('\\', to);
        fputc(*c == '\\' ? 'e' : *c, to);
    }
}

static void manual_row(FILE *to, const struct option_row *row) {
    char allowed[64];
    option_value_allowed(row, allowed, sizeof allowed);
    fprintf(to, ".TP\n.BR %s \" (", row->name + option_section_length(row) + 1);
    put_roff(to, allowed);
    if (*row->default_text != '\0') {
        fputs("; default ", to);
        put_roff(to, row->default_text);
    }
    fputs(")\"\n", to);
    put_roff(to, row->help);
    fputc('\n', to);
}

void option_reference_manual(FILE *to) {
    fputs(".\\\" Made by 'tesd check-config --manual' from the table in daemon/options.c.\n"
          ".TH TESD.YAML 5 \"\" tesd \"tesd manual\"\n"
          ".SH NAME\ntesd.yaml \\- settings of tesd\n"
          ".SH DESCRIPTION\nThe file is YAML: sections, and keys below them. What is not there has its default; an unknown key is an error.\n"
          ".B tesd check\\-config\n.I FILE\nsays everything that is wrong with a file, by line;\n.B tesd check\\-config \\-\\-sample\nprints one that holds every default.\n", to);
    for (size_t i = 0; i < option_count; i++) {
        if (begins_section(i))
            fprintf(to, ".SH \"SECTION %.*s\"\n", (int)option_section_length(&option_table[i]), option_table[i].name);
        manual_row(to, &option_table[i]);
    }
    fprintf(to, ".SH \"LIST roi\"\nEmission windows\n.BR \"{ name: \" NAME \", lo_eV: \" LO \", hi_eV: \" HI \" }\" ,\nat most %d: the name is 1 to 31 letters, digits or _, the bounds are "
                "0 to 20000 eV, lo_eV belongs to the window and hi_eV does not. A list replaces the default windows; tfy is always there unless the list has its own.\n", OPTIONS_MAX_ROI - 1);
    for (size_t i = 0; i < options_default_roi_count; i++) {
        const struct yield_region *r = &options_default_roi[i];
        fprintf(to, ".TP\n.BR %s \" (%g to %g eV)\"\n", r->name, r->lo_eV, r->hi_eV);
    }
    fputs(".SH \"SEE ALSO\"\n.BR tesd (1)\n", to);
}
