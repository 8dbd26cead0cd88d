#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/file_facts.h"

struct arguments {
    bool json;
    int n;
    char **paths;
};

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    (void)value;
    switch (key) {
    case 'j': a->json = true; return 0;
    case ARGP_KEY_ARGS:
        a->paths = state->argv + state->next;
        a->n = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which file?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void print_value(const json_t *v);

static void print_object(const json_t *object) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)object, key, v) {
        printf("  %s ", key);
        print_value(v);
    }
}

static void print_value(const json_t *v) {
    if (json_is_string(v))
        fputs(json_string_value(v), stdout);
    else if (json_is_object(v))
        print_object(v);
    else
        json_dumpf(v, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
}

static void print_text(const json_t *facts) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)facts, key, v) {
        if (!json_is_array(v)) {
            printf("%-18s ", key);
            print_value(v);
            putchar('\n');
            continue;
        }
        printf("%-18s %zu\n", key, json_array_size(v));
        for (size_t i = 0; i < json_array_size(v); i++) {
            fputs("   ", stdout);
            print_value(json_array_get(v, i));
            putchar('\n');
        }
    }
}

int cmd_inspect(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "json", .key = 'j', .doc = "one JSON object for one file, an array for several; times in ns as decimal strings" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument, .args_doc = "FILE...",
                                      .doc = "Says what a file is and what is in it: pulses (LJH, OFF), states, triggers, scan logs, line tables, NeXus, calibrations." };
    struct arguments a = { 0 };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    json_t *all = json_array();
    int code = EXIT_GOOD;
    for (int i = 0; i < a.n; i++) {
        json_t *facts = file_facts(a.paths[i]);
        if (facts == NULL)
            code = EXIT_REFUSED;
        else
            json_array_append_new(all, facts);
    }
    for (size_t i = 0; !a.json && i < json_array_size(all); i++) {
        if (i > 0)
            putchar('\n');
        print_text(json_array_get(all, i));
    }
    if (a.json && json_array_size(all) > 0) {
        json_dumpf(a.n == 1 ? json_array_get(all, 0) : all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
        putchar('\n');
    }
    json_decref(all);
    return code;
}
