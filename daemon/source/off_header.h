/* daemon/source/off_header.h - the header of an OFF file: JSON text and two matrices.  bytes in memory --decode--> off_header
 * No file I/O. It is here and not beside pulse/record_off.h because the pure rooms know no JSON. */
#ifndef TESD_DAEMON_SOURCE_OFF_HEADER_H
#define TESD_DAEMON_SOURCE_OFF_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/complaint.h"
#include "pulse/record_off.h"
#include "pulse/status.h"

enum { OFF_JSON_LIMIT = 96 << 20 };  /* room for base64 matrices of 65536 samples x 32 bases */

/* Needed are FileFormatVersion, NumberOfBases, FramePeriodSeconds and ModelInfo; anything else may be missing, null or of another
 * type. The matrices are read from base64 where ModelInfo holds it, else from behind the JSON.
 * STATUS_TRUNCATED: JSON or matrices do not end within n (a growing file: try again with more). STATUS_BAD_VALUE: not OFF, or
 * a needed key is missing or absurd, or a number of the matrices is not finite; *why says which and where. Whether projectors and basis belong together is told (misfit), not judged. On success *basis is a new N x B row-major array and *projectors B x N
 * (either pointer may be NULL if not wanted); free() both. */
enum status off_header_parse(const uint8_t *bytes, size_t n, struct off_header *out, double **projectors, double **basis, struct complaint *why);

#endif
