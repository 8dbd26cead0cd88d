/* daemon/h5_input.h - reading an HDF5 file whose form is known: every read says what it expects, anything else is an error.
 * The first failure is logged with path and place and latches; later calls do nothing and leave their outputs alone, so a reader
 * checks once at the end. */
#ifndef TESD_DAEMON_H5_INPUT_H
#define TESD_DAEMON_H5_INPUT_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/data_array.h"

struct h5_input {
    hid_t id;            /* -1: closed */
    const char *path;    /* borrowed */
    bool failed;
};

bool h5_input_open(const char *path, struct h5_input *out);   /* false after logging why */
/* The same, also of a file whose writer is at work or has died in the middle (SWMR): what it flushed is there. */
bool h5_input_open_growing(const char *path, struct h5_input *out);
/* The same of a file's bytes, which are copied; path: for messages. */
bool h5_input_open_bytes(const char *path, const void *bytes, size_t n, struct h5_input *out);
void h5_input_close(struct h5_input *in);
__attribute__((format(printf, 2, 3))) void h5_input_fail(struct h5_input *in, const char *format, ...);

bool h5_input_has(struct h5_input *in, hid_t parent, const char *name);
hid_t h5_input_group(struct h5_input *in, hid_t parent, const char *name);   /* close with h5_file_close_group; -1 after a failure */
uint64_t h5_input_length(struct h5_input *in, hid_t group, const char *name);   /* elements of a dataset; 0 after a failure */
/* Exactly n elements, converted to the type asked for; a text where a number belongs is an error. */
void h5_input_array(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t n, void *data);
/* n texts of fixed length, each into `width` bytes with a NUL at the end; longer ones are an error. */
void h5_input_texts(struct h5_input *in, hid_t group, const char *name, uint64_t n, size_t width, char *texts);
char *h5_input_text(struct h5_input *in, hid_t group, const char *name);     /* new, NUL-terminated; NULL after a failure */
void h5_input_name(struct h5_input *in, hid_t group, const char *name, char *out, size_t width);   /* the same into `out`, cut to its width */
/* All of a dataset of 8-byte numbers, at least `least` of them (a column of a file left open may be longer than what is sure); new. length may be NULL.
 * NULL after a failure. */
void *h5_input_whole(struct h5_input *in, hid_t group, const char *name, enum array_type type, uint64_t least, uint64_t *length);

#endif
