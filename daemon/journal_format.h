/* daemon/journal_format.h - the journal of a run, byte by byte.   sink/journal --blocks--> YYYYMMDD_runNNNN.journal --journal_reader--> recover
 *
 * The file is a row of blocks, each at a multiple of 4096 bytes, padded with zeros to the next one. Little-endian:
 *     0  u8[8]  "TESDJNL2"
 *     8  u32    crc32 (zlib's) of everything from byte 12 to the end of the payload
 *    12  u32    bytes of payload, at most 1 MiB - 64
 *    16  u64    session: wall clock in ns when the program that wrote the block opened the file; a restart within a run begins another
 *    24  u64    sequence: 0, 1, 2, ... within the session; a number left out is a block that is missing
 *    32  u64    rows of photons in blocks of this session before this one
 *    40  i64    wall clock when the block was closed, ns since 1970 UTC
 *    48  u32    rows in this block (rows, seconds); 0 else
 *    52  u16    kind
 *    54  u16    0
 *    56  u64    0
 *    64  payload
 * A block is valid when magic, length and CRC are right: it is the whole or nothing, whatever became of its neighbours. A reader that meets
 * anything else looks on at the next multiple of 4096. Rows come in the order in which they were met; a record may come twice after a
 * restart (equal pixel, time and frame), and then the later one counts. */
#ifndef TESD_DAEMON_JOURNAL_FORMAT_H
#define TESD_DAEMON_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_ALIGN = 4096, JOURNAL_HEADER_BYTES = 64, JOURNAL_BLOCK_MAX = 1 << 20 };

enum journal_kind {
    JOURNAL_SESSION = 1,   /* JSON: first of a session: array, record length, calibration, config, program */
    JOURNAL_ROWS,          /* struct journal_row x rows */
    JOURNAL_SECONDS,       /* struct journal_second x rows: pulses found inside records */
    JOURNAL_EVENT,         /* JSON: a scan_event (scan_event_json.h) */
    JOURNAL_MODEL,         /* JSON: from here on energies come from another model: version, file */
    JOURNAL_GAP,           /* JSON: what a sink could not write: sink, channel (-1: all), from_ns, to_ns, lost */
    N_JOURNAL_KINDS
};

/* One record: what analysis made of it. The names are those of photon_block and measured_pulse; scan, point, grade follow from the
 * events and from the times of the rows. */
struct journal_row {
    int64_t time_ns, frame;
    float height, energy_eV, energy_sigma_eV, arrival, pretrigger_mean;
    float residual, baseline, baseline_offset, baseline_weight;
    float noise_factor, tail_share;
    uint32_t cuts;         /* of the photon */
    uint32_t pulse_cuts;   /* of the pulse alone */
    uint16_t pixel;
    uint8_t flags;         /* enum photon_flag */
    uint8_t row_flags;     /* enum row_flag; JOURNAL_ON_TAIL: measured_pulse.on_tail */
};
enum { JOURNAL_ON_TAIL = 128 };

struct journal_second { uint64_t row; int64_t time_ns; };   /* row: number within the session */

struct journal_block {
    enum journal_kind kind;
    uint64_t session, sequence, rows_before;
    int64_t written_ns;
    uint32_t rows;
    const uint8_t *payload;     /* borrowed; 64-byte aligned when the file is */
    size_t payload_bytes;
};

/* The payload stands at bytes + 64 already; writes header, CRC and padding. Returns the block's size, a multiple of 4096, which must
 * fit the memory. b->payload is ignored. */
size_t journal_block_seal(const struct journal_block *b, uint8_t *bytes);
size_t journal_block_size(size_t payload_bytes);

/* bytes[0..n) from a multiple of 4096 of the file on. *size: what the block takes in the file, cut to n. False: no valid block here. */
bool journal_block_open(const uint8_t *bytes, size_t n, struct journal_block *out, size_t *size);

#endif
