/* daemon/live_run.h - `tesd run`: who owns what, and how a record walks. The wiring; no arithmetic here.
 *
 *   thread   owns                                                          made in daemon/pipeline.c
 *   ingest   source/live (K sockets), reconcile, stage/live_analyse (all pixels, when one core is enough)
 *   worker k a share of each batch's pixels (daemon/analysis_team; only when ingest.workers > 0)
 *   follow   source/follow: files that the acquisition writes -> record_blocks
 *   raw      record_sink: the raw recorder (sink/raw)
 *   book     source/status_link (status port and RPC client), control/scan_link (scan points), daemon/book: grades by watermark, maps,
 *            late photons, loss account; live_sinks: sink/publish, journal
 *   archive  the files of scans (HDF5), behind daemon/sink_desk: a disk that does not answer stops nobody else, and is an alarm
 *   learner  background learning of one calibration state -> a new array_model
 *   main     signals, watchdog, STATUS=, /metrics (civetweb has threads of its own, which read counters only)
 *
 *   record_block:  live --(in place)--> reconcile --> live_analyse --> row_block ==ring==> book --> sinks
 *                   |                       ^
 *                   |                       +==ring== follow          (ring full: follow waits, files do not run away)
 *                   +==ring==> raw           (full: analysis goes on with another block; raw loss counted per channel)
 *                   +==ring==> learner       (copies of records in a calibration state; full: refuse and count)
 *   rows' ring to the book full: the block is refused and counted per pixel (overload), and data go on with the next one as soon as there
 *   is room. Workers get and give back their shares of a batch by rings of their own while ingest waits: one that stalls is analysis that is
 *   behind (ingest.h).
 *
 * What flows the other way is rare and whole: live_plan (array, model, which pixels) is immutable and handed over by one atomic pointer;
 * ingest looks at it between two blocks and says by its serial number that it has let go of the one before.
 *
 * Time: a photon belongs to the point that holds its own stamp, whenever either arrives. Rows wait in the book until the watermark (the
 * newest stamp less one block and one record; the clock when nothing comes) has passed and the point is known, scan.late_photon_s at most.
 * Maps show a row at once, with the grade that its past alone gives; it is counted anew when its future is known.
 *
 * The run's file is made at its end by daemon/reprocess, from measured pulses instead of records: sorted by (epoch, frame), each once,
 * then the same rows, grades, deaths, sensitivities and products as `replay --calibration` makes from the files. */
#ifndef TESD_DAEMON_LIVE_RUN_H
#define TESD_DAEMON_LIVE_RUN_H

#include "daemon/options.h"

/* Until SIGTERM or SIGINT; an enum exit_code. */
int live_run(const char *config_path, struct options *options);

#endif
