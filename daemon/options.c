#include "daemon/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/option_value.h"

#define AT(field) offsetof(struct options, field)
#define TEXT_HI(field) ((double)sizeof(((struct options *)0)->field) - 1)

/* Rows of one section stand together. */
const struct option_row option_table[] = {
    { .name = "calibration.lines", .unit = "", .default_text = "nslsii-mix", .kind = OPT_TEXT, .offset = AT(calibration.lines), .lo = 1, .hi = TEXT_HI(calibration.lines),
      .help = "line table: a name in config/lines (NAME.csv) or a path" },
    { .name = "calibration.file", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(calibration.file), .lo = 0, .hi = TEXT_HI(calibration.file),
      .help = "what tesd run applies from the start: a file that tesd calibrate wrote; empty: heights, but no energies" },
    { .name = "calibration.mono_eV", .unit = "eV", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(calibration.mono_eV), .lo = 0, .hi = 20000,
      .help = "incident energy while calibrating, which decides the lines that are excited; 0 takes it from the log" },
    { .name = "calibration.curve", .unit = "", .default_text = "spline", .kind = OPT_TEXT, .offset = AT(calibration.curve), .lo = 1, .hi = TEXT_HI(calibration.curve),
      .help = "form of the gain p/E: spline (through the anchors), smoothing (spline that gives way by the anchors' errors) or quadratic" },
    { .name = "calibration.tails", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(calibration.tails),
      .help = "take the low-energy tail that the elastic lines of the array have in common into the model of all lines; without it none is assumed" },
    { .name = "calibration.line_lock", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(calibration.line_lock), .lo = 0, .hi = TEXT_HI(calibration.line_lock),
      .help = "line of the table (OKa) that the sample shows and whose drift during a scan is taken out; empty is off" },

    { .name = "monitor.window_s", .unit = "s", .default_text = "300", .kind = OPT_NUMBER, .offset = AT(monitor.window_s), .lo = 10, .hi = 86400,
      .help = "length of the windows in which every pixel is watched: baseline, residual, rate, a line and the elastic line" },
    { .name = "monitor.line", .unit = "", .default_text = "OKa", .kind = OPT_TEXT, .offset = AT(monitor.line), .lo = 0, .hi = TEXT_HI(monitor.line),
      .help = "line of the table whose centre is watched; empty is none" },
    { .name = "monitor.alarm_eV", .unit = "eV", .default_text = "1", .kind = OPT_NUMBER, .offset = AT(monitor.alarm_eV), .lo = 0.05, .hi = 100,
      .help = "a pixel is alarmed when what is watched has moved by so much since its calibration" },

    { .name = "analysis.kernel", .unit = "", .default_text = "auto", .kind = OPT_TEXT, .offset = AT(analysis.kernel), .lo = 1, .hi = TEXT_HI(analysis.kernel),
      .help = "variant of the hot loops: auto (the fastest that this machine has), scalar, avx2" },
    { .name = "analysis.neighbours", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(analysis.neighbours),
      .help = "replay that learns: take the mains, followed by the pretrigger means of all pixels, and the slow baseline as known in pixels whose lines bear that "
              "out; others, and records before which something happened, stay with the standard filter" },

    { .name = "rixs.emission_lo_eV", .unit = "eV", .default_text = "200", .kind = OPT_NUMBER, .offset = AT(rixs.emission.lo_eV), .lo = 0, .hi = 20000,
      .help = "where the emission axis of the maps begins" },
    { .name = "rixs.emission_hi_eV", .unit = "eV", .default_text = "1100", .kind = OPT_NUMBER, .offset = AT(rixs.emission.hi_eV), .lo = 0, .hi = 20000,
      .help = "where it ends: a whole number of bins further" },
    { .name = "rixs.emission_bin_eV", .unit = "eV", .default_text = "0.25", .kind = OPT_NUMBER, .offset = AT(rixs.emission.bin_eV), .lo = 0.01, .hi = 50,
      .help = "width of an emission bin" },
    { .name = "rixs.loss_lo_eV", .unit = "eV", .default_text = "-20", .kind = OPT_NUMBER, .offset = AT(rixs.loss.lo_eV), .lo = -20000, .hi = 20000,
      .help = "where the energy-loss axis (incident - emission) begins" },
    { .name = "rixs.loss_hi_eV", .unit = "eV", .default_text = "80", .kind = OPT_NUMBER, .offset = AT(rixs.loss.hi_eV), .lo = -20000, .hi = 20000,
      .help = "where it ends: a whole number of bins further" },
    { .name = "rixs.loss_bin_eV", .unit = "eV", .default_text = "0.25", .kind = OPT_NUMBER, .offset = AT(rixs.loss.bin_eV), .lo = 0.01, .hi = 50,
      .help = "width of an energy-loss bin" },
    { .name = "rixs.best_pixels", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(rixs.best_pixels), .lo = 0, .hi = 100000,
      .help = "use only so many pixels of the best resolution in a scan's products; 0 uses all good ones" },

    { .name = "products.xes", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(products.xes), .lo = 0, .hi = TEXT_HI(products.xes),
      .help = "emission spectra over ranges of incident energy in eV, like feature=530.5:531.5, pre=520:526; the one over all is always made" },
    { .name = "products.cee", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(products.cee), .lo = 0, .hi = TEXT_HI(products.cee),
      .help = "cuts of the map at constant emission energy, like line=522:526" },
    { .name = "products.cet", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(products.cet), .lo = 0, .hi = TEXT_HI(products.cet),
      .help = "cuts of the map at constant energy loss, like dd=1:5" },
    { .name = "products.ipfy", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(products.ipfy), .lo = 0, .hi = TEXT_HI(products.ipfy),
      .help = "windows of emission energy in eV whose inverse PFY is made of every scan, like O_main=520:530, or less what lies under the line as a window beside it tells, like O_main=520:530-540:560; those of the windows C, N and O while another edge is scanned are always made" },

    { .name = "scan.i0_key", .unit = "", .default_text = "i0", .kind = OPT_TEXT, .offset = AT(scan.i0_key), .lo = 1, .hi = TEXT_HI(scan.i0_key),
      .help = "name of the incident-flux value among the point extras of a scan log" },

    { .name = "scan.late_photon_s", .unit = "s", .default_text = "2", .kind = OPT_NUMBER, .offset = AT(scan.late_photon_s), .lo = 0, .hi = 60,
      .help = "tesd run: how long, in time of the data, a photon may wait for the scan point that it belongs to" },

    { .name = "replay.workers", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(replay.workers), .lo = 0, .hi = 256,
      .help = "analysis threads of tesd replay; 0 is one for each core" },

    { .name = "trigger.mode", .unit = "", .default_text = "auto", .kind = OPT_TEXT, .offset = AT(trigger.mode), .lo = 1, .hi = TEXT_HI(trigger.mode),
      .help = "how the acquisition triggered: edge, edge-multi, edge-multi-short, edge-multi-single, edge-multi-isolated or level; auto tells by its status file, else by "
              "the records" },
    { .name = "trigger.auto_channels", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(trigger.automatic), .lo = 0, .hi = TEXT_HI(trigger.automatic),
      .help = "channels that also took records without a pulse (auto trigger), like 3, 17, 100-120" },
    { .name = "trigger.secondary_channels", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(trigger.secondary), .lo = 0, .hi = TEXT_HI(trigger.secondary),
      .help = "channels whose records are copies made at another channel's triggers (group trigger)" },
    { .name = "trigger.isolation_s", .unit = "s", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(trigger.isolation_s), .lo = 0, .hi = 10,
      .help = "least time since the previous pulse for a photon of grade high; 0 is the record length or as long as tails of pulses make the next one be cut, at least 6 decay times" },

    { .name = "veto.neighbours", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(veto.neighbours), .lo = 0, .hi = TEXT_HI(veto.neighbours),
      .help = "distances in channel number, like 1, 2, 64, at which a large pulse vetoes photons because of crosstalk; empty is no such veto" },
    { .name = "veto.neighbour_above_eV", .unit = "eV", .default_text = "150", .kind = OPT_NUMBER, .offset = AT(veto.neighbour_above_eV), .lo = 0, .hi = 100000,
      .help = "energy from which a neighbour's pulse vetoes; must be more than crosstalk of a photon can have, or rates are biased" },
    { .name = "veto.neighbour_window_s", .unit = "s", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(veto.neighbour_window_s), .lo = 0, .hi = 1,
      .help = "how near in time, before or after, a neighbour's pulse vetoes; 0 is the record length" },
    { .name = "veto.array_pixels", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(veto.array_pixels), .lo = 0, .hi = 65535,
      .help = "so many other pixels firing together (a shower of a cosmic ray) veto a photon; 0 is no such veto" },
    { .name = "veto.array_window_s", .unit = "s", .default_text = "5e-5", .kind = OPT_NUMBER, .offset = AT(veto.array_window_s), .lo = 1e-6, .hi = 1,
      .help = "how near in time to the photon those pixels fire" },
    { .name = "veto.array_hold_s", .unit = "s", .default_text = "0", .kind = OPT_NUMBER, .offset = AT(veto.array_hold_s), .lo = 0, .hi = 60,
      .help = "how long after such a coincidence the array stays vetoed" },

    { .name = "live_time.method", .unit = "", .default_text = "interval", .kind = OPT_TEXT, .offset = AT(live_time.method), .lo = 1, .hi = TEXT_HI(live_time.method),
      .help = "interval: time between a pixel's own records; array: sampled at the other pixels' records, right also for a beam that is not steady inside a point" },

    { .name = "archive.compress", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(archive.compress),
      .help = "gzip the photon columns too: smaller files, several times slower to write" },
    { .name = "archive.live", .unit = "", .default_text = "true", .kind = OPT_BOOL, .offset = AT(archive.live),
      .help = "tesd run writes a file for each scan which can be read while it grows (HDF5 SWMR), flushed at each point" },

    { .name = "journal.on", .unit = "", .default_text = "true", .kind = OPT_BOOL, .offset = AT(journal.on),
      .help = "tesd run keeps a journal of each run, from which tesd recover makes the run's file after a crash" },
    { .name = "journal.flush_s", .unit = "s", .default_text = "0.25", .kind = OPT_NUMBER, .offset = AT(journal.flush_s), .lo = 0.001, .hi = 60,
      .help = "longest time that a photon waits in memory for its block of the journal; a crash of the program loses no more" },
    { .name = "journal.sync_s", .unit = "s", .default_text = "1", .kind = OPT_NUMBER, .offset = AT(journal.sync_s), .lo = 0, .hi = 3600,
      .help = "longest time between two fdatasync of the journal, beside those at the end of points, scans and runs; a power cut loses no more" },

    { .name = "record.raw", .unit = "", .default_text = "false", .kind = OPT_BOOL, .offset = AT(record.raw),
      .help = "tesd run writes every record that comes by the port into LJH files, one for each channel" },
    { .name = "record.memory_MiB", .unit = "MiB", .default_text = "96", .kind = OPT_INTEGER, .offset = AT(record.memory_MiB), .lo = 1, .hi = 65536,
      .help = "memory for raw records on their way to the disk; when it is full, records are left out and counted" },
    { .name = "record.block_KiB", .unit = "KiB", .default_text = "256", .kind = OPT_INTEGER, .offset = AT(record.block_KiB), .lo = 16, .hi = 16384,
      .help = "largest write to a raw file; with many channels less, so that the memory suffices" },
    { .name = "record.flush_s", .unit = "s", .default_text = "2", .kind = OPT_NUMBER, .offset = AT(record.flush_s), .lo = 0.01, .hi = 3600,
      .help = "longest time that a raw record waits in memory for others" },

    { .name = "disk.engine", .unit = "", .default_text = "auto", .kind = OPT_TEXT, .offset = AT(disk.engine), .lo = 1, .hi = TEXT_HI(disk.engine),
      .help = "how journal and raw records are written: uring (io_uring), pwrite, or auto: io_uring where the machine has it" },
    { .name = "disk.retry_s", .unit = "s", .default_text = "1", .kind = OPT_NUMBER, .offset = AT(disk.retry_s), .lo = 0.01, .hi = 3600,
      .help = "how often what could not be written is tried again: a full disk, a folder that is read-only, a server that is gone" },
    { .name = "disk.patience_s", .unit = "s", .default_text = "2", .kind = OPT_NUMBER, .offset = AT(disk.patience_s), .lo = 0.1, .hi = 60,
      .help = "how long a disk may keep silent before that is an alarm; nothing waits for it in either case" },

    { .name = "ingest.host", .unit = "", .default_text = "127.0.0.1", .kind = OPT_TEXT, .offset = AT(ingest.host), .lo = 1, .hi = TEXT_HI(ingest.host),
      .help = "tesd run: the machine on which DASTARD runs" },
    { .name = "ingest.port", .unit = "", .default_text = "5500", .kind = OPT_INTEGER, .offset = AT(ingest.port), .lo = 1, .hi = 65531,
      .help = "DASTARD's base port: control; status and records are on the ports 1 and 2 above" },
    { .name = "ingest.connections", .unit = "", .default_text = "32", .kind = OPT_INTEGER, .offset = AT(ingest.connections), .lo = 1, .hi = 1024,
      .help = "connections to the record port, among which channels are shared out: DASTARD drops what exceeds 100 records per block and connection" },
    { .name = "ingest.workers", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(ingest.workers), .lo = 0, .hi = 16,
      .help = "threads that help to analyse what comes by the port, each some of the pixels; 0: the thread that receives is enough (one core does 100,000 records/s)" },
    { .name = "ingest.block_s", .unit = "s", .default_text = "0.05", .kind = OPT_NUMBER, .offset = AT(ingest.block_s), .lo = 0.001, .hi = 10,
      .help = "how long DASTARD gathers data before it sends the records in them" },

    { .name = "follow.mode", .unit = "", .default_text = "off", .kind = OPT_TEXT, .offset = AT(follow.mode), .lo = 1, .hi = TEXT_HI(follow.mode),
      .help = "the files that DASTARD writes: off (the port alone), fill (the port, and what it lost from the files) or only (the files alone)" },
    { .name = "follow.folder", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(follow.folder), .lo = 0, .hi = TEXT_HI(follow.folder),
      .help = "where they are seen from here, a run or the folder of all runs; empty: where DASTARD says that it writes" },
    { .name = "follow.notice", .unit = "", .default_text = "best", .kind = OPT_TEXT, .offset = AT(follow.notice), .lo = 1, .hi = TEXT_HI(follow.notice),
      .help = "how growth is noticed: inotify, poll (NFS), or best: inotify where it works" },
    { .name = "follow.reads", .unit = "", .default_text = "best", .kind = OPT_TEXT, .offset = AT(follow.reads), .lo = 1, .hi = TEXT_HI(follow.reads),
      .help = "how files are read: uring, plain, or best: io_uring where it is allowed" },
    { .name = "follow.prefer", .unit = "", .default_text = "ljh", .kind = OPT_TEXT, .offset = AT(follow.prefer), .lo = 1, .hi = TEXT_HI(follow.prefer),
      .help = "which of a channel's files is read where DASTARD writes both: ljh or off. OFF files need a calibration made of OFF files" },
    { .name = "follow.poll_s", .unit = "s", .default_text = "0.5", .kind = OPT_NUMBER, .offset = AT(follow.poll_s), .lo = 0.01, .hi = 60,
      .help = "between two looks where growth is not noticed" },
    { .name = "follow.rest_s", .unit = "s", .default_text = "3", .kind = OPT_NUMBER, .offset = AT(follow.rest_s), .lo = 0.1, .hi = 3600,
      .help = "a file that has not grown for so long is read to its very end" },
    { .name = "follow.hold_s", .unit = "s", .default_text = "1.5", .kind = OPT_NUMBER, .offset = AT(follow.hold_s), .lo = 0, .hi = 60,
      .help = "how much longer a scan point waits before it is final while files are followed: DASTARD writes them out about once a second" },

    { .name = "learn.live", .unit = "", .default_text = "true", .kind = OPT_BOOL, .offset = AT(learn.live),
      .help = "tesd run learns filters and calibrations from noise and calibration states in the background, counts the running scan anew with them, and keeps the last good one in the output folder, where the next start finds it. Only with output.folder, and without calibration.file, which freezes what it names" },
    { .name = "learn.spool_MiB", .unit = "MiB", .default_text = "4096", .kind = OPT_NUMBER, .offset = AT(learn.spool_MiB), .lo = 16, .hi = 1e6,
      .help = "disk for the records of calibration states, in a file of the output folder without a name; the oldest state is forgotten first" },

    { .name = "output.folder", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(output.folder), .lo = 0, .hi = TEXT_HI(output.folder),
      .help = "tesd run keeps each run in OUTPUT/YYYYMMDD/NNNN below it; empty: nothing is kept, data are analysed and published all the same" },

    { .name = "control.host", .unit = "", .default_text = "127.0.0.1", .kind = OPT_TEXT, .offset = AT(control.host), .lo = 1, .hi = TEXT_HI(control.host),
      .help = "address on which scan points are heard (JSON-RPC, daemon/control/scan_link.h)" },
    { .name = "control.port", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(control.port), .lo = 0, .hi = 65535,
      .help = "port for them; 0: none" },
    { .name = "control.scan_host", .unit = "", .default_text = "127.0.0.1", .kind = OPT_TEXT, .offset = AT(control.scan_host), .lo = 1, .hi = TEXT_HI(control.scan_host),
      .help = "address on which the scan server's protocol is spoken with SPEC or Bluesky: loopback unless those run elsewhere" },
    { .name = "control.scan_port", .unit = "", .default_text = "4000", .kind = OPT_INTEGER, .offset = AT(control.scan_port), .lo = -1, .hi = 65535,
      .help = "port for it; 0: any that is free, -1: none" },
    { .name = "control.drive", .unit = "", .default_text = "true", .kind = OPT_BOOL, .offset = AT(control.drive),
      .help = "file_start, file_end, labels and triggers drive DASTARD as the scan server did; false: DASTARD is driven from elsewhere and only watched" },
    { .name = "control.edge_multi_level", .unit = "counts", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(control.edge_multi_level), .lo = -65535, .hi = 65535,
      .help = "level of the edge-multi triggers that set_pulse_triggers sets in all channels, negative for falling pulses; 0: it brings back those that set_noise_triggers replaced" },
    { .name = "control.edge_multi_monotone", .unit = "samples", .default_text = "6", .kind = OPT_INTEGER, .offset = AT(control.edge_multi_monotone), .lo = 1, .hi = 100,
      .help = "samples that must go on rising for such a trigger" },
    { .name = "control.wait_s", .unit = "s", .default_text = "2", .kind = OPT_NUMBER, .offset = AT(control.wait_s), .lo = 0, .hi = 60,
      .help = "how long a request for counts waits for them to be final" },
    { .name = "control.log_folder", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(control.log_folder), .lo = 0, .hi = TEXT_HI(control.log_folder),
      .help = "where scan logs are written; empty: in logs/ beside DASTARD's files" },
    { .name = "control.user_folder", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(control.user_folder), .lo = 0, .hi = TEXT_HI(control.user_folder),
      .help = "a copy of each scan log goes to USER/beamtime_ID/YYYYMMDD, which is also where scans are counted; empty: no copy" },
    { .name = "control.beamtime", .unit = "", .default_text = "0", .kind = OPT_TEXT, .offset = AT(control.beamtime), .lo = 1, .hi = TEXT_HI(control.beamtime),
      .help = "the beamtime's id in logs and folders" },
    { .name = "control.router", .unit = "", .default_text = "tcp://127.0.0.1:5561", .kind = OPT_TEXT, .offset = AT(control.router), .lo = 0, .hi = TEXT_HI(control.router),
      .help = "where our own clients control it (ZeroMQ ROUTER, doc/control.md); another machine's need keys.folder; empty: no such port" },
    { .name = "control.recount_MiB", .unit = "MiB", .default_text = "64", .kind = OPT_INTEGER, .offset = AT(control.recount_MiB), .lo = 0, .hi = 65536,
      .help = "memory for the photons of the running scan, 12 bytes each, from which it is counted anew when windows or axes are changed; with too many photons they change with the next scan" },

    { .name = "keys.folder", .unit = "", .default_text = "", .kind = OPT_TEXT, .offset = AT(keys.folder), .lo = 0, .hi = TEXT_HI(keys.folder),
      .help = "keys of who may read the stream and use the control port, made by tesd keygen; empty: no keys, and this machine alone" },

    { .name = "metrics.host", .unit = "", .default_text = "127.0.0.1", .kind = OPT_TEXT, .offset = AT(metrics.host), .lo = 1, .hi = TEXT_HI(metrics.host),
      .help = "address of the page /metrics for Prometheus" },
    { .name = "metrics.port", .unit = "", .default_text = "0", .kind = OPT_INTEGER, .offset = AT(metrics.port), .lo = 0, .hi = 65535,
      .help = "port for it; 0: none" },

    { .name = "stream.endpoint", .unit = "", .default_text = "tcp://127.0.0.1:5560", .kind = OPT_TEXT, .offset = AT(stream.endpoint), .lo = 1, .hi = TEXT_HI(stream.endpoint),
      .help = "where maps and spectra are published (ZeroMQ); beyond this machine only with keys.folder" },
    { .name = "stream.photons", .unit = "", .default_text = "tcp://127.0.0.1:5562", .kind = OPT_TEXT, .offset = AT(stream.photons), .lo = 0, .hi = TEXT_HI(stream.photons),
      .help = "where every photon is sent to whoever pulls them (ZeroMQ PUSH, doc/stream.md); empty: no such socket" },
};
const size_t option_count = sizeof option_table / sizeof option_table[0];

/* 3d L edges: La + Lb and La alone; O K with the window on the 531 -> 523 eV feature; C and N K. */
const struct yield_region options_default_roi[] = {
    { "Mn_L", 625, 662 }, { "Mn_La", 630, 644 }, { "Fe_L", 692, 728 }, { "Fe_La", 697, 711 }, { "Co_L", 763, 800 },
    { "Co_La", 768, 784 }, { "Ni_L", 838, 880 }, { "Ni_La", 842, 858 }, { "Cu_L", 918, 960 }, { "Cu_La", 920, 936 },
    { "O", 505, 535 }, { "O_522_525", 522, 525 }, { "C", 265, 290 }, { "N", 380, 402 },
};
const size_t options_default_roi_count = sizeof options_default_roi / sizeof options_default_roi[0];
static_assert(sizeof options_default_roi / sizeof options_default_roi[0] < OPTIONS_MAX_ROI, "tfy needs a place too");

void options_defaults(struct options *o) {
    *o = (struct options){ .n_roi = 1, .roi = { { "tfy", 200, 1600 } } };
    for (size_t i = 0; i < option_count; i++) {
        char why[OPTION_WHY];
        bool good = option_value_set(&option_table[i], option_table[i].default_text, o, why);
        assert(good);
        (void)good;
    }
    for (size_t i = 0; i < options_default_roi_count; i++)
        o->roi[o->n_roi++] = options_default_roi[i];
}

void options_done(struct options *o) {
    free(o->text);
    o->text = NULL;
}
