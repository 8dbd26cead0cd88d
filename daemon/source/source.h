/* daemon/source/source.h - recorded pulse files of any format, one interface.   file --index, fetch--> records
 * A format is one descriptor: how to open (header), how to list where records are, how to fetch one. New format: a codec in
 * pulse/record_x, a file_x.c with its descriptor, a row in source.c. One owner thread per opened file. */
#ifndef TESD_DAEMON_SOURCE_SOURCE_H
#define TESD_DAEMON_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/channel_record.h"
#include "daemon/source/file_bytes.h"
#include "pulse/complaint.h"
#include "pulse/status.h"

struct source_info {             /* what a header says, and what walking the file found */
    const char *format;          /* "ljh", "off" */
    char version[16];
    int32_t channel;             /* from the file name, else the header; -1 unknown */
    char channel_name[64];
    struct channel_shape shape;  /* basis is borrowed from the file */
    uint64_t records;            /* known after source_file_index */
    uint64_t torn, torn_bytes, first_torn_offset;
    uint64_t tail_bytes;         /* behind the last whole record */
};

/* Where a record stands: sort keys and a cookie that source_file_fetch understands. */
struct record_place {
    int64_t time_ns;             /* floored to 1 us */
    int64_t frame;
    uint64_t where;
    uint32_t file;               /* set by whoever keeps places of several files */
};

struct record_index {
    size_t n, capacity;
    struct record_place *places;
};
bool record_index_add(struct record_index *x, struct record_place place);  /* false: out of memory */
void record_index_done(struct record_index *x);

struct source_file;              /* opaque */
struct source_format {
    const char *name;
    bool (*recognises)(const uint8_t *bytes, size_t n);   /* by the first bytes */
    enum status (*open)(struct source_file *f, struct complaint *why);   /* decodes the header */
    enum status (*index)(struct source_file *f, struct record_index *into, struct complaint *why);
    void (*fetch)(const struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out);
    bool (*last_time)(const struct source_file *f, int64_t *time_ns);    /* a guess from the file's end; false: unknown */
};
extern const struct source_format source_format_ljh, source_format_off;

struct source_file {             /* for the format files; others use the functions below */
    const struct source_format *format;
    struct file_bytes bytes;
    struct source_info info;
    void *header;                /* the format's own, plain memory: freed with free() */
};

/* Chooses the format by content. STATUS_NOT_FOUND: of no format we know. STATUS_TRUNCATED: the header does not end (yet). */
enum status source_file_open(const char *path, struct source_file **out, struct complaint *why);
const struct source_info *source_file_info(const struct source_file *f);
/* Appends the place of every whole record, in file order, and completes info. */
enum status source_file_index(struct source_file *f, struct record_index *into, struct complaint *why);
void source_file_fetch(const struct source_file *f, uint64_t where, uint32_t pixel, struct channel_record *out);
/* First and last record time without walking the file; false when the file holds no record. */
bool source_file_span(struct source_file *f, int64_t *first_ns, int64_t *last_ns);
void source_file_close(struct source_file *f);

/* Channel number by "_chan<digits>." at its last place in the base name; -1: none. */
int32_t source_channel_of_name(const char *path);

#endif
