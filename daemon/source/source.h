/* daemon/source/source.h - recorded pulse files of any format, one interface.   file --next, fetch--> records
 * A format is one descriptor: how to open (header), how to walk the records, how to fetch one. New format: a codec in
 * pulse/record_x, a file_x.c with its descriptor, a row in source.c. One owner thread per opened file. */
#ifndef TESD_DAEMON_SOURCE_SOURCE_H
#define TESD_DAEMON_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "daemon/source/file_bytes.h"
#include "pulse/complaint.h"
#include "pulse/record_ljh.h"
#include "pulse/status.h"

struct source_info {             /* what a header says, and what walking the file found */
    const char *format;          /* "ljh", "off" */
    char version[16];
    int32_t channel;             /* from the file name, else the header; -1 unknown */
    char channel_name[64];
    struct channel_shape shape;  /* basis is borrowed from the file */
    size_t header_bytes, record_bytes;
    uint64_t records;            /* from here on: in the last walk, as far as it went */
    uint64_t torn, torn_bytes, first_torn_offset;
    uint64_t tail_bytes;         /* behind the last whole record */
};

enum source_step { SOURCE_RECORD, SOURCE_END, SOURCE_FAILED };   /* failed: reading or memory; the complaint says which */

/* Records that stand one behind the other in the file's window, so that they need not be asked for one by one. */
enum { SOURCE_RUN = 64 };
struct source_run {
    size_t n;
    uint64_t where;              /* of the first, as for fetch; each next one is info.record_bytes further on */
    const uint8_t *samples;      /* of the first, in the window: until another call slides it */
    struct ljh_stamp stamps[SOURCE_RUN];
};

struct source_file;
struct source_format {
    const char *name;
    bool (*recognises)(const uint8_t *bytes, size_t n);   /* by the first bytes */
    enum status (*open)(struct source_file *f, struct complaint *why);   /* decodes the header and makes the state of a walk */
    void (*rewind)(struct source_file *f);
    enum source_step (*next)(struct source_file *f, uint32_t pixel, struct channel_record *out, uint64_t *where, struct complaint *why);
    void (*run)(struct source_file *f, struct source_run *out);    /* NULL: this format has no runs */
    bool (*fetch)(struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out);
    bool (*last_time)(struct source_file *f, int64_t *time_ns);    /* a guess from the file's end; false: unknown */
};
extern const struct source_format source_format_ljh, source_format_off;

struct source_file {             /* for the format files; others use the functions below */
    const struct source_format *format;
    struct file_bytes bytes;
    struct source_info info;
    void *walk;                  /* the format's header and place, plain memory: freed with free() */
};

/* Chooses the format by content. STATUS_NOT_FOUND: of no format we know. STATUS_TRUNCATED: the header does not end (yet). */
enum status source_file_open(const char *path, struct source_file **out, struct complaint *why);
const struct source_info *source_file_info(const struct source_file *f);
/* Walks the file's whole records in file order and completes info on the way; everything there is to know is known at SOURCE_END.
 * The record is valid until the next call for this file. where (may be NULL): what source_file_fetch understands, growing. */
enum source_step source_file_next(struct source_file *f, uint32_t pixel, struct channel_record *out, uint64_t *where, struct complaint *why);
/* The records that are next, as far as there is nothing to decide about them. The walk goes on behind them; their samples stand in
 * the window until another call slides it, then fetch has them. n = 0: take the next one by source_file_next. */
void source_file_run(struct source_file *f, struct source_run *out);
void source_file_rewind(struct source_file *f);   /* to before the first record */
void source_file_rest(struct source_file *f);     /* gives back the memory of its window until it is read again */
/* The record there, without its time and frame; valid until the next call for this file, and cheapest where `where` grows slowly.
 * False when the file no longer holds it. */
bool source_file_fetch(struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out);
uint64_t source_file_most(const struct source_file *f);   /* an upper bound of its records, from its size */
/* First and last record time, as a rule without walking the file, which is at its start again afterwards; false when it holds no
 * record. */
bool source_file_span(struct source_file *f, int64_t *first_ns, int64_t *last_ns);
void source_file_close(struct source_file *f);

/* Channel number by "_chan<digits>." at its last place in the base name; -1: none. */
int32_t source_channel_of_name(const char *path);

#endif
