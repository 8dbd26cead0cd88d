/* daemon/cli/bench.c - tesd bench: what is wanted, measured and told. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/cli/bench_report.h"
#include "daemon/cli/bench_self.h"
#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/kernel_choice.h"

enum { RUNS = 15, KEY_QUICK = 1000, KEY_JSON, KEY_RUNS, KEY_PIXELS, KEY_PULSES, KEY_LEARNT, KEY_FOLDER, KEY_BIG, KEY_RECORDS };

struct arguments {
    const char *config, *folder;
    struct bench_size size;
    unsigned runs;
    bool json;
};

static unsigned number(const char *text, unsigned lo, unsigned hi, const struct argp_state *state) {
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*end != 0 || end == text || v < lo || v > hi)
        argp_error(state, "%s: a whole number from %u to %u is wanted", text, lo, hi);
    return (unsigned)v;
}

static error_t parse_argument(int key, char *value, struct argp_state *state) {
    struct arguments *a = state->input;
    switch (key) {
    case 'c': a->config = value; return 0;
    case KEY_JSON: a->json = true; return 0;
    case KEY_FOLDER: a->folder = value; return 0;
    case KEY_RUNS: a->runs = number(value, 1, BENCH_RUNS_MAX, state); return 0;
    case KEY_PIXELS: a->size.pixels = number(value, 1, 4096, state); return 0;
    case KEY_RECORDS: a->size.records = number(value, 1, 1000000, state); return 0;
    case KEY_LEARNT: a->size.learnt_pixels = number(value, 1, 4096, state); return 0;
    case KEY_PULSES: a->size.pulses = number(value, 400, 1000000, state); return 0;
    case KEY_BIG: a->size.big_MB = number(value, 1, 1000000, state); return 0;
    case KEY_QUICK:
        a->size = (struct bench_size){ .learnt_pixels = 4, .pulses = 600, .pixels = 8, .records = 200, .big_MB = 20 };
        a->runs = 3;
        return 0;
    case ARGP_KEY_END:
        if (a->size.pixels % a->size.learnt_pixels != 0)
            argp_error(state, "--pixels must be a multiple of --learnt-pixels");
        a->size.scalar_pixels = a->size.learnt_pixels;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---- memory ---- */

static bool watch_memory(const struct bench_set *s, double *frozen_bytes, double *learning_bytes) {
    const char *const frozen[] = { "replay", s->big, "--calibration", s->calibration, "-q", "-o", s->output, NULL };
    const char *const learning[] = { "replay", s->big, "--logs", s->run, "--noise", s->noise, "-q", "-o", s->output, NULL };
    return bench_run_self(frozen, frozen_bytes) && bench_run_self(learning, learning_bytes);
}

static int measure(const struct arguments *a, const struct options *o) {
    const struct dot_kernel *kernel = kernel_choice(o->analysis.kernel);
    struct bench_set *s;
    if (kernel == NULL)
        return EXIT_USAGE;
    if (!bench_set_make(a->folder, &a->size, o, kernel, &s))
        return EXIT_FAILED;
    struct bench_context c = { .set = s, .options = o };
    struct bench_runs runs;
    struct bench_report r = { .set = s, .runs = &runs, .kernel = kernel->name };
    const bool good = bench_runs_make(&c, a->runs, &runs) && watch_memory(s, &r.frozen_bytes, &r.learning_bytes);
    if (good)
        bench_report_print(&r, a->json);
    if (c.sink == 0x5eed)
        puts("");   /* what the kernels returned is used */
    bench_runs_done(&runs);
    bench_set_free(s);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

int cmd_bench(int argc, char **argv) {
    static const struct argp_option rows[] = {
        { .name = "config", .key = 'c', .arg = "FILE", .doc = "settings (YAML), such as analysis.kernel" },
        { .name = "json", .key = KEY_JSON, .doc = "one JSON line for each leg, ratio and figure" },
        { .name = "quick", .key = KEY_QUICK, .doc = "small and few: whether it works, not how fast; before other options" },
        { .name = "runs", .key = KEY_RUNS, .arg = "N", .doc = "runs of each leg [15]" },
        { .name = "pixels", .key = KEY_PIXELS, .arg = "N", .doc = "files and filters of the array [240]" },
        { .name = "records", .key = KEY_RECORDS, .arg = "N", .doc = "records of each file, at most [1000]" },
        { .name = "learnt-pixels", .key = KEY_LEARNT, .arg = "N", .doc = "pixels that are simulated and learnt; the array is made of their pieces [24]" },
        { .name = "pulses", .key = KEY_PULSES, .arg = "N", .doc = "pulses of each of those, about [5000]" },
        { .name = "big", .key = KEY_BIG, .arg = "MB", .doc = "file whose replay is watched for memory [300]" },
        { .name = "folder", .key = KEY_FOLDER, .arg = "DIR", .doc = "where the files go while it runs [$TMPDIR or /tmp]" },
        { 0 }
    };
    static const struct argp argp = { .options = rows, .parser = parse_argument,
                                      .doc = "Times kernels and replay on simulated data against what this machine can do: reading memory, reading files, one dot product. "
                                             "Takes about a minute, 1 GB of disk and half a GB of memory." };
    const char *folder = getenv("TMPDIR");
    struct arguments a = { .folder = folder && folder[0] ? folder : "/tmp", .runs = RUNS,
                           .size = { .learnt_pixels = 24, .pulses = 5000, .pixels = 240, .records = 1000, .big_MB = 300 } };
    argp_parse(&argp, argc, argv, 0, NULL, &a);
    struct options options;
    if (!options_load(a.config, &options))
        return EXIT_USAGE;
    int code = measure(&a, &options);
    options_done(&options);
    return code;
}
