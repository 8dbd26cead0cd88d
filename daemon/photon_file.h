/* daemon/photon_file.h - the photons of a NeXus file, piece by piece.   OUT.nxs /entry/photons --next--> photon_block
 * Bounded memory whatever the file's size. A file of another program with these columns will do as well. One thread (HDF5). */
#ifndef TESD_DAEMON_PHOTON_FILE_H
#define TESD_DAEMON_PHOTON_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "calib/photon_block.h"
#include "daemon/h5_input.h"

struct photon_file;   /* opaque */

/* NULL after logging: a column is missing, of another kind or of another length, or no memory. Borrows in. */
struct photon_file *photon_file_open(struct h5_input *in, hid_t entry);
/* The first `sure` rows of a file whose writer was at work or died: its columns may have grown by different lengths beyond. */
struct photon_file *photon_file_open_first(struct h5_input *in, hid_t entry, uint64_t sure);
uint64_t photon_file_rows(const struct photon_file *f);
/* Fills the block with the next rows, as many as it has room for; its n says how many. False after logging: damaged. At the end n is 0. */
bool photon_file_next(struct photon_file *f, struct photon_block *block);
void photon_file_close(struct photon_file *f);

#endif
