/* daemon/cli/bench.c - tesd bench: arguments, the interleaved runs, and the report as ratios to this machine's own roofline. */
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cli/bench_legs.h"
#include "daemon/cli/bench_set.h"
#include "daemon/cli/cli.h"
#include "daemon/exit_code.h"
#include "daemon/kernel_choice.h"
#include "daemon/log.h"
#include "daemon/version.h"
#include "pulse/robust.h"

enum { RUNS = 15, RUNS_MAX = 1001, KEY_QUICK = 1000, KEY_JSON, KEY_RUNS, KEY_PIXELS, KEY_PULSES, KEY_LEARNT, KEY_FOLDER, KEY_BIG, KEY_RECORDS };
static const double contended_above = 1.15;   /* wall over CPU of a leg with one thread */

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
    case KEY_RUNS: a->runs = number(value, 1, RUNS_MAX, state); return 0;
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

/* ---- runs and their statistics ---- */

struct spread { double median, least, p90; };

struct result {
    struct spread wall_ns, cpu_ns;
    bool contended;
};

static struct spread spread_of(const double *values, size_t n) {
    double sorted[RUNS_MAX];
    memcpy(sorted, values, n * sizeof *sorted);
    return (struct spread){ .median = robust_median(sorted, n), .least = robust_quantile(sorted, n, 0), .p90 = robust_quantile(sorted, n, 0.9) };
}

static bool run_all(struct bench_context *c, unsigned runs, struct result results[N_LEGS]) {
    double (*wall)[RUNS_MAX] = malloc(N_LEGS * sizeof *wall), (*cpu)[RUNS_MAX] = malloc(N_LEGS * sizeof *cpu);
    for (unsigned r = 0; wall != NULL && cpu != NULL && r < runs && !c->failed; r++)
        for (size_t l = 0; l < N_LEGS; l++) {
            struct bench_time t = bench_legs[l].run(c);
            wall[l][r] = t.wall_ns;
            cpu[l][r] = t.cpu_ns;
        }
    bool good = wall != NULL && cpu != NULL && !c->failed;
    for (size_t l = 0; good && l < N_LEGS; l++) {
        results[l] = (struct result){ spread_of(wall[l], runs), spread_of(cpu[l], runs), false };
        results[l].contended = bench_legs[l].threads == 1 && results[l].wall_ns.median > contended_above * results[l].cpu_ns.median;
    }
    free(wall);
    free(cpu);
    return good;
}

/* ---- memory ---- */

static bool watch_memory(const struct bench_set *s, double *frozen_bytes, double *learning_bytes) {
    const char *const frozen[] = { "replay", s->big, "--calibration", s->calibration, "-q", "-o", s->output, NULL };
    const char *const learning[] = { "replay", s->big, "--logs", s->run, "--noise", s->noise, "-q", "-o", s->output, NULL };
    return bench_run_self(frozen, frozen_bytes) && bench_run_self(learning, learning_bytes);
}

/* ---- report ---- */

struct report {
    const struct bench_set *set;
    const char *kernel;
    char cpu[100];
    double load[3], frozen_bytes, learning_bytes, learn_240_s;
    struct result results[N_LEGS];
};

enum { N_RATIOS = 9 };
struct ratio { const char *name, *wanted; double value; bool wall; };

static double cpu_of(const struct report *r, enum bench_leg_id leg) {
    return r->results[leg].cpu_ns.median;
}

/* The cheapest way that we know. */
static double reading(const struct report *r) {
    return fmin(fmin(cpu_of(r, LEG_FILE_PREAD), cpu_of(r, LEG_FILE_PREAD_WIDE)), cpu_of(r, LEG_FILE_MMAP));
}

static size_t ratios_of(const struct report *r, struct ratio out[N_RATIOS]) {
    const struct ratio all[N_RATIOS] = {
        { "dot / read", "<= 1.3", cpu_of(r, LEG_DOT) / cpu_of(r, LEG_READ), false },
        { "(summaries + 5 lags) / dot", "<= 2.5", cpu_of(r, LEG_SUMMARIES_LAGS) / cpu_of(r, LEG_DOT), false },
        { "their 128-bit operations / dot", "none: the floor of the line above on cores of 128 bits", cpu_of(r, LEG_OPERATIONS) / cpu_of(r, LEG_DOT), false },
        { "analysis / dot", "<= 6", cpu_of(r, LEG_ANALYSIS) / cpu_of(r, LEG_DOT), false },
        { "chain / (file + all kernels)", "<= 1.18", cpu_of(r, LEG_CHAIN) / (reading(r) + cpu_of(r, LEG_ENERGIES)), false },
        { "chain / (file + analysis)", "none: energies count as the chain's own", cpu_of(r, LEG_CHAIN) / (reading(r) + cpu_of(r, LEG_ANALYSIS)), false },
        { "analysis: one thread / two", "none: what this machine's second core gives", r->results[LEG_ANALYSIS].wall_ns.median / r->results[LEG_ANALYSIS_TWO].wall_ns.median, false },
        { "chain: one worker / two", ">= 1.8", r->results[LEG_CHAIN].wall_ns.median / r->results[LEG_CHAIN_TWO].wall_ns.median, true },
        { "scalar chain / chain", "<= 20", cpu_of(r, LEG_CHAIN_SCALAR) / cpu_of(r, LEG_CHAIN), false },
    };
    memcpy(out, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static bool any_contended(const struct report *r) {
    bool any = false;
    for (size_t l = 0; l < N_LEGS; l++)
        any = any || r->results[l].contended;
    return any;
}

static void read_cpu_name(char name[100]) {
    char line[300];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, 100, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            snprintf(name, 100, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\"\\\n"), strchr(line, ':') + 2);
            break;
        }
    if (f != NULL)
        fclose(f);
}

static void print_text(const struct report *r, unsigned runs) {
    const struct bench_set *s = r->set;
    struct ratio ratios[N_RATIOS];
    printf("%s on %s, kernel %s, load %.2f\n%u pixels x %u records of %u samples, files in page cache, filters of all pixels live; %u runs of each leg, "
           "interleaved\n\nns per record %32s %21s %21s\n%-45s  %6s %6s %6s   %6s %6s %6s\n", version_text, r->cpu, r->kernel, r->load[0], s->size.pixels, s->records,
           s->n_samples, runs, "", "CPU", "wall", "", "median", "least", "p90", "median", "least", "p90");
    for (size_t l = 0; l < N_LEGS; l++) {
        const struct result *x = &r->results[l];
        printf("%-45s  %6.0f %6.0f %6.0f   %6.0f %6.0f %6.0f%s\n", bench_legs[l].what, x->cpu_ns.median, x->cpu_ns.least, x->cpu_ns.p90, x->wall_ns.median,
               x->wall_ns.least, x->wall_ns.p90, x->contended ? "  contended" : "");
    }
    puts("\nratios of medians");
    size_t n = ratios_of(r, ratios);
    for (size_t i = 0; i < n; i++)
        printf("%-45s  %6.2f  wanted %s%s\n", ratios[i].name, ratios[i].value, ratios[i].wanted, ratios[i].wall ? ", on two idle cores" : "");
    printf("\nlearning: %u pixels, %llu pulses and 1000 noise records of each: %.1f s of CPU, %.1f s; 240 pixels x 5000 pulses: %.1f s of CPU (wanted < 40)\n",
           s->size.learnt_pixels, (unsigned long long)s->learnt_records, s->learn_cpu_s, s->learn_wall_s, r->learn_240_s);
    printf("anonymous memory of a replay of one file of %u MB: %.0f MB with a calibration given, %.0f MB learning (wanted < 400)\n", s->size.big_MB,
           r->frozen_bytes / 1e6, r->learning_bytes / 1e6);
    if (any_contended(r))
        puts("contended: wall and CPU time part, so others used this machine meanwhile; only the ratios of CPU times say something");
}

static void print_json(const struct report *r, unsigned runs) {
    const struct bench_set *s = r->set;
    struct ratio ratios[N_RATIOS];
    for (size_t l = 0; l < N_LEGS; l++) {
        const struct result *x = &r->results[l];
        printf("{\"leg\": \"%s\", \"what\": \"%s\", \"samples\": %u, \"channels\": %u, \"threads\": %u, \"runs\": %u, \"wall_ns\": {\"median\": %.1f, \"min\": %.1f, \"p90\": "
               "%.1f}, \"cpu_ns\": {\"median\": %.1f, \"min\": %.1f, \"p90\": %.1f}, \"roofline_ns\": %.1f, \"ratio\": %.3f, \"contended\": %s, \"cpu\": \"%s\", \"kernel\": "
               "\"%s\", \"compiler\": \"%s\", \"load\": %.2f}\n",
               bench_legs[l].name, bench_legs[l].what, s->n_samples, l == LEG_CHAIN_SCALAR ? s->size.scalar_pixels : s->size.pixels, bench_legs[l].threads, runs,
               x->wall_ns.median, x->wall_ns.least, x->wall_ns.p90, x->cpu_ns.median, x->cpu_ns.least, x->cpu_ns.p90, cpu_of(r, LEG_READ),
               x->cpu_ns.median / cpu_of(r, LEG_READ), x->contended ? "true" : "false", r->cpu, l == LEG_CHAIN_SCALAR ? "scalar" : r->kernel, __VERSION__, r->load[0]);
    }
    size_t n = ratios_of(r, ratios);
    for (size_t i = 0; i < n; i++)
        printf("{\"ratio\": \"%s\", \"value\": %.3f, \"wanted\": \"%s\", \"contended\": %s}\n", ratios[i].name, ratios[i].value, ratios[i].wanted, any_contended(r) ? "true" : "false");
    printf("{\"leg\": \"learning\", \"pixels\": %u, \"pulses\": %llu, \"cpu_s\": %.2f, \"wall_s\": %.2f, \"cpu_s_240x5000\": %.2f}\n", s->size.learnt_pixels,
           (unsigned long long)s->learnt_records, s->learn_cpu_s, s->learn_wall_s, r->learn_240_s);
    printf("{\"leg\": \"memory\", \"file_MB\": %u, \"anonymous_MB\": %.1f, \"anonymous_learning_MB\": %.1f}\n", s->size.big_MB, r->frozen_bytes / 1e6, r->learning_bytes / 1e6);
}

static int measure(const struct arguments *a, const struct options *o) {
    struct report r = { .kernel = kernel_choice(o->analysis.kernel) ? kernel_choice(o->analysis.kernel)->name : "" };
    struct bench_set *s;
    if (r.kernel[0] == 0)
        return EXIT_USAGE;
    if (!bench_set_make(a->folder, &a->size, o, kernel_choice(o->analysis.kernel), &s))
        return EXIT_FAILED;
    struct bench_context c = { .set = s, .options = o };
    read_cpu_name(r.cpu);
    r.set = s;
    r.learn_240_s = s->learn_cpu_s * 240. * 5000. / (double)s->learnt_records;
    bool good = run_all(&c, a->runs, r.results) && getloadavg(r.load, 3) > 0 && watch_memory(s, &r.frozen_bytes, &r.learning_bytes);
    if (good && a->json)
        print_json(&r, a->runs);
    else if (good)
        print_text(&r, a->runs);
    if (c.sink == 0x5eed)
        puts("");   /* what the kernels returned is used */
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
