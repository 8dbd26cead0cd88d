/* daemon/sink/archive_parts.h - what the files archive*.c share: the open file, the photon columns on their way, and which group
 * a viewer is to open first. Private to them. */
#ifndef TESD_DAEMON_SINK_ARCHIVE_PARTS_H
#define TESD_DAEMON_SINK_ARCHIVE_PARTS_H

#include "daemon/h5_file.h"
#include "daemon/sink/archive.h"
#include "daemon/sink/data_group.h"
#include "daemon/sink/height_histogram.h"
#include "daemon/photon_columns.h"

enum { PHOTON_CHUNK_ROWS = 16384, GROUP_NAME = 160 };

/* What a viewer opens first, best first; each remembers the first group of its kind. */
enum default_rank { DEFAULT_SUM_RIXS, DEFAULT_RIXS, DEFAULT_PFY, N_DEFAULTS };

struct photon_store {
    hid_t group, columns[N_PHOTON_COLUMNS];
    uint8_t *staged[N_PHOTON_COLUMNS];  /* one chunk of each column */
    size_t n_staged;
    uint64_t n_written, n_made;         /* rows; made: that the columns have */
    bool compress;
};

struct archive {
    struct h5_file *file;
    hid_t entry;
    struct photon_store photons;
    bool has_pixels;
    char defaults[N_DEFAULTS][GROUP_NAME];
    struct height_histogram heights;
};

void archive_photons_open(struct archive *a, bool compress);
void archive_photons_flush(struct archive *a);   /* what is staged, and /entry/heights */
void archive_photons_close(struct archive *a);
void archive_offer_default(struct archive *a, enum default_rank rank, const char *group);
void archive_write_data_group(struct archive *a, const char *name, const struct data_group *g);
/* The attributes that make the group an NXdata which viewers plot. */
void archive_data_attributes(struct archive *a, hid_t group, const struct data_group *g);
void archive_scan_texts(struct archive *a, hid_t group, const struct scan *s);
void archive_time(struct archive *a, const char *name, int64_t time_ns);   /* entry/start_time and the like */
void archive_write_process(struct archive *a, const struct archive_process *process);
/* Scalars and text arrays that every group uses. */
void archive_number(struct archive *a, hid_t group, const char *name, const char *units, double value);
void archive_integer(struct archive *a, hid_t group, const char *name, const char *units, int64_t value);

#endif
