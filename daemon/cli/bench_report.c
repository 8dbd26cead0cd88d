#include "daemon/cli/bench_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/version.h"

enum { CPU_NAME = 100 };

/* One leg over another one, or over that and the cheapest way to read the files. */
struct ratio {
    const char *name, *wanted;
    enum bench_leg_id over, under;
    bool reading, wall;
};

static const struct ratio ratios[] = {
    { "dot / read", "<= 1.3", LEG_DOT, LEG_READ, false, false },
    { "(summaries + 5 lags) / dot", "<= 2.5", LEG_SUMMARIES_LAGS, LEG_DOT, false, false },
    { "their 128-bit operations / dot", "none: the floor of the line above on cores of 128 bits", LEG_OPERATIONS, LEG_DOT, false, false },
    { "analysis / dot", "<= 6", LEG_ANALYSIS, LEG_DOT, false, false },
    { "chain / (file + all kernels)", "<= 1.18", LEG_CHAIN, LEG_ENERGIES, true, false },
    { "chain / (file + analysis)", "none: energies count as the chain's own", LEG_CHAIN, LEG_ANALYSIS, true, false },
    { "analysis: one thread / two", "none: what this machine's second core gives", LEG_ANALYSIS, LEG_ANALYSIS_TWO, false, true },
    { "chain: one worker / two", ">= 1.8, on two idle cores", LEG_CHAIN, LEG_CHAIN_TWO, false, true },
    { "scalar chain / chain", "<= 20", LEG_CHAIN_SCALAR, LEG_CHAIN, false, false },
};
enum { N_RATIOS = sizeof ratios / sizeof ratios[0] };

/* The cheapest that we know. */
static enum bench_leg_id reading_leg(const struct bench_runs *runs) {
    const enum bench_leg_id ways[] = { LEG_FILE_PREAD, LEG_FILE_PREAD_WIDE, LEG_FILE_MMAP };
    enum bench_leg_id best = ways[0];
    for (size_t i = 1; i < sizeof ways / sizeof ways[0]; i++)
        if (bench_runs_cpu(runs, ways[i]).median < bench_runs_cpu(runs, best).median)
            best = ways[i];
    return best;
}

struct ratio_within { const struct ratio *ratio; enum bench_leg_id reading; };

static double ratio_of(const struct bench_run *run, const void *context) {
    const struct ratio_within *w = context;
    const struct bench_time *over = &run->legs[w->ratio->over], *under = &run->legs[w->ratio->under];
    const double read_ns = w->ratio->reading ? run->legs[w->reading].cpu_ns : 0;
    return w->ratio->wall ? over->wall_ns / under->wall_ns : over->cpu_ns / (under->cpu_ns + read_ns);
}

static double ratio_value(const struct bench_runs *runs, const struct ratio *ratio) {
    const struct ratio_within within = { ratio, reading_leg(runs) };
    return bench_runs_median(runs, ratio_of, &within);
}

/* Of the least time of each leg: what it would be if nobody else used the machine. */
static double ratio_of_least(const struct bench_runs *runs, const struct ratio *ratio) {
    const struct ratio_within within = { ratio, reading_leg(runs) };
    struct bench_run least;
    for (size_t l = 0; l < N_LEGS; l++)
        least.legs[l] = (struct bench_time){ bench_runs_wall(runs, (enum bench_leg_id)l).least, bench_runs_cpu(runs, (enum bench_leg_id)l).least };
    return ratio_of(&least, &within);
}

static double learn_240_s(const struct bench_set *s) {
    return s->learn_cpu_s * 240. * 5000. / (double)s->learnt_records;
}

static bool any_contended(const struct bench_runs *runs) {
    bool any = false;
    for (size_t l = 0; l < N_LEGS; l++)
        any = any || bench_runs_contended(runs, (enum bench_leg_id)l);
    return any;
}

static void read_cpu_name(char name[CPU_NAME]) {
    char line[300];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, CPU_NAME, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            snprintf(name, CPU_NAME, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\"\\\n"), strchr(line, ':') + 2);
            break;
        }
    if (f != NULL)
        fclose(f);
}

static double load(void) {
    double last[1] = { 0 };
    return getloadavg(last, 1) > 0 ? last[0] : 0;
}

static void print_legs(const struct bench_runs *runs) {
    printf("ns per record %32s %21s %21s\n%-45s  %6s %6s %6s   %6s %6s %6s\n", "", "CPU", "wall", "", "median", "least", "p90", "median", "least", "p90");
    for (size_t l = 0; l < N_LEGS; l++) {
        const enum bench_leg_id leg = (enum bench_leg_id)l;
        const struct bench_spread cpu = bench_runs_cpu(runs, leg), wall = bench_runs_wall(runs, leg);
        printf("%-45s  %6.0f %6.0f %6.0f   %6.0f %6.0f %6.0f%s\n", bench_legs[l].what, cpu.median, cpu.least, cpu.p90, wall.median, wall.least, wall.p90,
               bench_runs_contended(runs, leg) ? "  contended" : "");
    }
}

static void print_text(const struct bench_report *r) {
    const struct bench_set *s = r->set;
    char cpu[CPU_NAME];
    read_cpu_name(cpu);
    printf("%s on %s, kernel %s, load %.2f\n%u pixels x %u records of %u samples, files in page cache, filters of all pixels live; %u runs of each leg, "
           "interleaved\n\n", version_text, cpu, r->kernel, load(), s->size.pixels, s->records, s->n_samples, r->runs->n);
    print_legs(r->runs);
    printf("\n%-45s  %6s %6s\n", "ratios: median within a run, of least times", "median", "least");
    for (size_t i = 0; i < N_RATIOS; i++)
        printf("%-45s  %6.2f %6.2f   wanted %s\n", ratios[i].name, ratio_value(r->runs, &ratios[i]), ratio_of_least(r->runs, &ratios[i]), ratios[i].wanted);
    printf("\nlearning: %u pixels, %llu pulses and 1000 noise records of each: %.1f s of CPU, %.1f s; 240 pixels x 5000 pulses: %.1f s of CPU (wanted < 40)\n",
           s->size.learnt_pixels, (unsigned long long)s->learnt_records, s->learn_cpu_s, s->learn_wall_s, learn_240_s(s));
    printf("anonymous memory of a replay of one file of %u MB: %.0f MB with a calibration given, %.0f MB learning (wanted < 400)\n", s->size.big_MB,
           r->frozen_bytes / 1e6, r->learning_bytes / 1e6);
    if (any_contended(r->runs))
        puts("contended: wall and CPU time part, so others used this machine meanwhile; only the ratios of CPU times say something");
}

static void print_json(const struct bench_report *r) {
    const struct bench_set *s = r->set;
    const double read_ns = bench_runs_cpu(r->runs, LEG_READ).median;
    char name[CPU_NAME];
    read_cpu_name(name);
    for (size_t l = 0; l < N_LEGS; l++) {
        const enum bench_leg_id leg = (enum bench_leg_id)l;
        const struct bench_spread cpu = bench_runs_cpu(r->runs, leg), wall = bench_runs_wall(r->runs, leg);
        printf("{\"leg\": \"%s\", \"what\": \"%s\", \"samples\": %u, \"channels\": %u, \"threads\": %u, \"runs\": %u, \"wall_ns\": {\"median\": %.1f, \"min\": %.1f, \"p90\": "
               "%.1f}, \"cpu_ns\": {\"median\": %.1f, \"min\": %.1f, \"p90\": %.1f}, \"roofline_ns\": %.1f, \"ratio\": %.3f, \"contended\": %s, \"cpu\": \"%s\", \"kernel\": "
               "\"%s\", \"compiler\": \"%s\", \"load\": %.2f}\n",
               bench_legs[l].name, bench_legs[l].what, s->n_samples, leg == LEG_CHAIN_SCALAR ? s->size.scalar_pixels : s->size.pixels, bench_legs[l].threads, r->runs->n,
               wall.median, wall.least, wall.p90, cpu.median, cpu.least, cpu.p90, read_ns, cpu.median / read_ns, bench_runs_contended(r->runs, leg) ? "true" : "false", name,
               leg == LEG_CHAIN_SCALAR ? "scalar" : r->kernel, __VERSION__, load());
    }
    for (size_t i = 0; i < N_RATIOS; i++)
        printf("{\"ratio\": \"%s\", \"value\": %.3f, \"of_least\": %.3f, \"wanted\": \"%s\", \"contended\": %s}\n", ratios[i].name, ratio_value(r->runs, &ratios[i]),
               ratio_of_least(r->runs, &ratios[i]), ratios[i].wanted,
               any_contended(r->runs) ? "true" : "false");
    printf("{\"leg\": \"learning\", \"pixels\": %u, \"pulses\": %llu, \"cpu_s\": %.2f, \"wall_s\": %.2f, \"cpu_s_240x5000\": %.2f}\n", s->size.learnt_pixels,
           (unsigned long long)s->learnt_records, s->learn_cpu_s, s->learn_wall_s, learn_240_s(s));
    printf("{\"leg\": \"memory\", \"file_MB\": %u, \"anonymous_MB\": %.1f, \"anonymous_learning_MB\": %.1f}\n", s->size.big_MB, r->frozen_bytes / 1e6, r->learning_bytes / 1e6);
}

void bench_report_print(const struct bench_report *r, bool json) {
    (json ? print_json : print_text)(r);
}
