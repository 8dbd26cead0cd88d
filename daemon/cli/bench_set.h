/* daemon/cli/bench_set.h - the data of `tesd bench`: a simulated beamtime of a few pixels, what was learnt from it, and an array of
 * many pixels made of its pieces: as many files, as many models and filters, each with memory of its own. */
#ifndef TESD_DAEMON_CLI_BENCH_SET_H
#define TESD_DAEMON_CLI_BENCH_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/array_model.h"
#include "daemon/beamtime.h"
#include "daemon/options.h"
#include "pulse/dot_kernel.h"

enum { BENCH_PATH = 512 };

struct bench_size {
    unsigned learnt_pixels;     /* simulated and learnt */
    unsigned pulses;            /* about, of each of them */
    unsigned pixels;            /* of the array, a multiple of learnt_pixels */
    unsigned records;           /* of each file of the array, at most */
    unsigned scalar_pixels;     /* of the array that is analysed with the scalar kernel */
    unsigned big_MB;            /* of the one file whose replay is watched for memory */
};

struct bench_set {
    struct bench_size size;
    char folder[BENCH_PATH];          /* temporary; everything lies below */
    char run[BENCH_PATH + 64], noise[BENCH_PATH + 64], pulses[BENCH_PATH + 64], calibration[BENCH_PATH + 64], output[BENCH_PATH + 64], big[BENCH_PATH + 64];
    uint64_t learnt_records;          /* pulses that were learnt from, all pixels */
    double learn_cpu_s, learn_wall_s;
    struct beamtime array, few;       /* few: the scalar_pixels first */
    struct array_model *model, *scalar;
    uint32_t n_samples, n_presamples, records;   /* records: of each file of the array */
    size_t record_bytes;
    uint8_t *bytes;                   /* all records of the array as they stand in the files, without file headers */
};

/* Folder below which the temporary folder is made. kernel: what the models use. False after logging; then nothing is left. */
bool bench_set_make(const char *below, const struct bench_size *size, const struct options *options, const struct dot_kernel *kernel, struct bench_set **out);
void bench_set_free(struct bench_set *s);   /* removes the folder */

#endif
