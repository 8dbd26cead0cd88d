/* daemon/scratch.h - room for arrays that grow with the input, such as 100 bytes for every record of a channel.
 * Up to a budget, shared by all threads, it is memory; beyond that it is a file without a name in the given folder, mapped, whose
 * pages the system may write out. So the memory of this process stays bounded whatever the size of its input.
 * One that is asked for the same kind of room again and again can keep what is given back: a page that is new to a process costs as much as two
 * records of the bench's replay need to be graded. */
#ifndef TESD_DAEMON_SCRATCH_H
#define TESD_DAEMON_SCRATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { SCRATCH_KEPT = 8 };

struct scratch_kept;
struct scratch {
    const char *folder;        /* borrowed */
    size_t budget;             /* bytes */
    bool keeps;                /* pieces given back, of budget / 16 each at most, until scratch_done */
    atomic_size_t in_memory;   /* bytes handed out that are not in a file */
    _Atomic(struct scratch_kept *) kept[SCRATCH_KEPT];
};

struct scratch_piece {         /* zeros: nothing */
    void *data;                /* 64-byte aligned; not zeroed */
    size_t bytes;              /* at least those asked for */
    bool in_file;
};

/* False when neither memory nor the disk has room. bytes > 0. */
bool scratch_take(struct scratch *s, size_t bytes, struct scratch_piece *out);
void scratch_give(struct scratch *s, struct scratch_piece *piece);   /* and forgets it; a piece of nothing is fine */
void scratch_done(struct scratch *s);   /* what it keeps; of one that keeps nothing it need not be called */

#endif
