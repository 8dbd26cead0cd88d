/* daemon/source/run_input.h - which files belong to which channel.   folders and files --collect--> channels with their files
 * Channels are ordered by number, a channel's files by first record time, so nothing depends on the order of the arguments.
 * The position of a channel in the list is its pixel index. */
#ifndef TESD_DAEMON_SOURCE_RUN_INPUT_H
#define TESD_DAEMON_SOURCE_RUN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input_file {
    char *path;                  /* as it was named */
    char *resolved;              /* without links: tells whether two names are one file */
    int64_t first_ns, last_ns;   /* record times, by a look at both ends; meaningful when it has records */
    bool has_records;
};

struct channel_input {
    int32_t channel;
    char name[64];               /* "chan17" */
    bool coefficients;           /* OFF */
    size_t n_files;
    struct input_file *files;
};

struct run_input {
    size_t n_channels;
    struct channel_input *channels;
    size_t n_folders;
    char **folders;              /* folders named, and the folders of files named, without repeats: where logs may lie */
    size_t refused;              /* files that could not be used; each was logged with place and remedy */
    int64_t first_ns, last_ns;   /* over all files; first > last when there is no record */
};

/* Files of `except` (NULL: none) are left out: noise never counts as pulses. Folders give their *.ljh, *.noi and *.off files (not those below them). LJH wins over OFF of the same channel and run unless
 * prefer_off. The same file named twice counts once. False only when memory fails. */
bool run_input_collect(char *const *paths, size_t n_paths, bool prefer_off, const struct run_input *except, struct run_input *out);
void run_input_done(struct run_input *r);
const struct channel_input *run_input_find(const struct run_input *r, int32_t channel);  /* NULL: none */

#endif
