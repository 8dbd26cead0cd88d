#include "daemon/process_heap.h"

#include <malloc.h>

enum { TRIM_BYTES = 48 << 20, MAPPING_BYTES = 4 << 20 };

/* Messages of the record port are given back by the thousand. The C library would hand their pages to the system each time and ask for them again
 * with the next ones: half a microsecond a record. Once such a bound is set, that between blocks and mappings no longer adapts itself. */
void process_heap_keep(void) {
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPING_BYTES);
}

/* Whole pages, also those between blocks in use. */
void process_heap_give_back(void) { malloc_trim(0); }
