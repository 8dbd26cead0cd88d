#include "calib/photon_block.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_OF(column) sizeof *((struct photon_block *)0)->column
enum {
    ALIGN = 64,
    N_COLUMNS = 14,
    ROW_BYTES = SIZE_OF(time_ns) + SIZE_OF(frame) + SIZE_OF(pixel) + SIZE_OF(height) + SIZE_OF(energy_eV) + SIZE_OF(energy_sigma_eV) + SIZE_OF(arrival) +
                SIZE_OF(pretrigger_mean) + SIZE_OF(cuts) + SIZE_OF(grade) + SIZE_OF(flags) + SIZE_OF(scan) + SIZE_OF(point) + SIZE_OF(incident_eV)
};

/* One allocation holds the struct and its columns, each beginning on a cache line of its own. */
static void *column(uintptr_t *at, size_t capacity, size_t width) {
    uintptr_t start = (*at + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
    *at = start + capacity * width;
    return (void *)start;
}

size_t photon_block_bytes(size_t capacity) {
    if (capacity > (SIZE_MAX - sizeof(struct photon_block)) / ROW_BYTES - (N_COLUMNS + 1) * ALIGN)
        return 0;
    return sizeof(struct photon_block) + capacity * ROW_BYTES + N_COLUMNS * ALIGN;
}

struct photon_block *photon_block_in(void *memory, size_t capacity) {
    struct photon_block *b = memory;
    uintptr_t at = (uintptr_t)(b + 1);
    b->n = 0;
    b->capacity = capacity;
    b->time_ns = column(&at, capacity, sizeof *b->time_ns);
    b->frame = column(&at, capacity, sizeof *b->frame);
    b->pixel = column(&at, capacity, sizeof *b->pixel);
    b->height = column(&at, capacity, sizeof *b->height);
    b->energy_eV = column(&at, capacity, sizeof *b->energy_eV);
    b->energy_sigma_eV = column(&at, capacity, sizeof *b->energy_sigma_eV);
    b->arrival = column(&at, capacity, sizeof *b->arrival);
    b->pretrigger_mean = column(&at, capacity, sizeof *b->pretrigger_mean);
    b->cuts = column(&at, capacity, sizeof *b->cuts);
    b->grade = column(&at, capacity, sizeof *b->grade);
    b->flags = column(&at, capacity, sizeof *b->flags);
    b->scan = column(&at, capacity, sizeof *b->scan);
    b->point = column(&at, capacity, sizeof *b->point);
    b->incident_eV = column(&at, capacity, sizeof *b->incident_eV);
    return b;
}

enum status photon_block_new(size_t capacity, struct photon_block **out) {
    size_t bytes = photon_block_bytes(capacity);
    void *memory = bytes ? calloc(1, bytes) : NULL;
    if (memory == NULL)
        return STATUS_NO_MEMORY;
    *out = photon_block_in(memory, capacity);
    return STATUS_OK;
}

void photon_block_free(struct photon_block *b) {
    free(b);
}

void photon_block_copy_row(struct photon_block *to, const struct photon_block *from, size_t i) {
    assert(to->n < to->capacity);
    size_t k = to->n++;
    to->time_ns[k] = from->time_ns[i];
    to->frame[k] = from->frame[i];
    to->pixel[k] = from->pixel[i];
    to->height[k] = from->height[i];
    to->energy_eV[k] = from->energy_eV[i];
    to->energy_sigma_eV[k] = from->energy_sigma_eV[i];
    to->arrival[k] = from->arrival[i];
    to->pretrigger_mean[k] = from->pretrigger_mean[i];
    to->cuts[k] = from->cuts[i];
    to->grade[k] = from->grade[i];
    to->flags[k] = from->flags[i];
    to->scan[k] = from->scan[i];
    to->point[k] = from->point[i];
    to->incident_eV[k] = from->incident_eV[i];
}

void photon_block_put(struct photon_block *to, size_t at, const struct photon_block *from, size_t first, size_t n) {
    assert(to != from && at + n <= to->capacity && first + n <= from->capacity);
#define PUT(name) memcpy(to->name + at, from->name + first, n * sizeof *to->name)
    PUT(time_ns);
    PUT(frame);
    PUT(pixel);
    PUT(height);
    PUT(energy_eV);
    PUT(energy_sigma_eV);
    PUT(arrival);
    PUT(pretrigger_mean);
    PUT(cuts);
    PUT(grade);
    PUT(flags);
    PUT(scan);
    PUT(point);
    PUT(incident_eV);
#undef PUT
}
