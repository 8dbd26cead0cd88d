/* daemon/scratch.h - room for arrays that grow with the input, such as 100 bytes for every record of a channel.
 * Up to a budget, shared by all threads, it is memory; beyond that it is a file without a name in the given folder, mapped, whose
 * pages the system may write out. So the memory of this process stays bounded whatever the size of its input. */
#ifndef TESD_DAEMON_SCRATCH_H
#define TESD_DAEMON_SCRATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct scratch {
    const char *folder;        /* borrowed */
    size_t budget;             /* bytes */
    atomic_size_t in_memory;   /* bytes handed out that are not in a file */
};

struct scratch_piece {         /* zeros: nothing */
    void *data;                /* 64-byte aligned; not zeroed */
    size_t bytes;
    bool in_file;
};

/* False when neither memory nor the disk has room. bytes > 0. */
bool scratch_take(struct scratch *s, size_t bytes, struct scratch_piece *out);
void scratch_give(struct scratch *s, struct scratch_piece *piece);   /* and forgets it; a piece of nothing is fine */

#endif
