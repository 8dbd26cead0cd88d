/* daemon/source/run_folder.h - a folder that the acquisition server fills: which pulse files are there and which may have grown.
 *   folder --step--> (name, there | grew | closed)
 * By inotify where the kernel sees the writing; on file systems that other machines write to (NFS, SMB, FUSE, ...) by looking again
 * every poll_ns. Even with inotify the folder is listed anew now and then, so that a lost notice costs seconds and no data.
 * The folder may appear later than this. One owner thread. */
#ifndef TESD_DAEMON_SOURCE_RUN_FOLDER_H
#define TESD_DAEMON_SOURCE_RUN_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

enum folder_notice { NOTICE_BEST, NOTICE_INOTIFY, NOTICE_POLL };

enum folder_event {
    FOLDER_THERE,   /* the file is there; said again with every listing, and may have grown */
    FOLDER_GREW,
    FOLDER_CLOSED   /* its writer closed it (inotify alone tells) */
};
typedef void folder_told(void *context, const char *name, enum folder_event event);

struct run_folder;   /* opaque */

/* poll_ns: between two listings when polling, > 0. False: no memory. */
bool run_folder_new(const char *path, enum folder_notice notice, int64_t poll_ns, struct run_folder **out);
void run_folder_free(struct run_folder *f);

/* Tells of pulse files (*.ljh, *.noi, *.off) alone. now_ns: any steady clock. */
void run_folder_step(struct run_folder *f, int64_t now_ns, folder_told *told, void *context);

void run_folder_relist(struct run_folder *f);   /* the next step lists the folder, whatever the notices say */

const char *run_folder_path(const struct run_folder *f);
bool run_folder_polls(const struct run_folder *f);   /* meaningful once the folder is there */
int run_folder_fd(const struct run_folder *f);       /* readable when there is something to tell; -1 when polling */

/* The newest BASE/YYYYMMDD/NNNN by name; BASE itself when it holds pulse files or looks like such a run folder. path has room for
 * `size` bytes. False: there is none yet. */
bool run_folder_newest(const char *base, char *path, unsigned long size);

#endif
