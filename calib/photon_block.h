/* calib/photon_block.h - photons (and cut records) as columns: what leaves analysis, what bins read, what files store.
 * One row per record. Columns, types and meaning are those of /entry/photons (doc/nexus.md). Bins are filled from exactly the
 * stored float32 columns, so that any reader of the file gets the same map. The block owns its columns. */
#ifndef TESD_CALIB_PHOTON_BLOCK_H
#define TESD_CALIB_PHOTON_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

enum grade { GRADE_HIGH, GRADE_MID, GRADE_TAIL, GRADE_LOW, GRADE_NONE, N_GRADES };

enum photon_flag {
    TRUST_INSIDE = 0, TRUST_NEAR = 1, TRUST_BEYOND = 2, TRUST_MASK = 3,  /* bits 0-1: where on the curve */
    FLAG_LAST_OF_DEAD = 4                                                  /* last record of a pixel that then died */
};

struct photon_block {
    size_t n, capacity;
    int64_t *time_ns;        /* since 1970 UTC, floored to 1 us */
    int64_t *frame;
    uint16_t *pixel;
    float *height;
    float *energy_eV;        /* NaN: none */
    float *energy_sigma_eV;  /* NaN: unknown */
    float *arrival;          /* samples */
    float *pretrigger_mean;  /* counts */
    uint32_t *cuts;          /* 0 = a photon */
    uint8_t *grade;          /* enum grade */
    uint8_t *flags;          /* enum photon_flag */
    int32_t *scan;           /* scan number in the file; -1: none */
    int32_t *point;          /* -1: between points */
    float *incident_eV;      /* NaN outside points */
};

enum status photon_block_new(size_t capacity, struct photon_block **out);
void photon_block_free(struct photon_block *b);
/* Appends row i of `from`; there must be room. */
void photon_block_copy_row(struct photon_block *to, const struct photon_block *from, size_t i);
/* Rows first..first+n-1 of `from`, column by column, to rows at..at+n-1 of another block, which has room for them; `to->n` is the caller's. */
void photon_block_put(struct photon_block *to, size_t at, const struct photon_block *from, size_t first, size_t n);

/* A block in memory of the caller, 64-byte aligned and at least photon_block_bytes long (0: too many rows), which is not cleared
 * and not to be freed with _free. */
size_t photon_block_bytes(size_t capacity);
struct photon_block *photon_block_in(void *memory, size_t capacity);

#endif
