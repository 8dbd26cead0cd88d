/* daemon/cli/simulate_serve.h - the options of tesd simulate --serve: what the twin of the acquisition server is to do.
 *   command line --simulate_serve_flags--> serve_settings --simulate_serve--> daemon/cli/simulate_twin */
#ifndef TESD_DAEMON_CLI_SIMULATE_SERVE_H
#define TESD_DAEMON_CLI_SIMULATE_SERVE_H

#include <argp.h>
#include <stdbool.h>

#include "daemon/cli/number_option.h"
#include "daemon/cli/simulate_run.h"
#include "daemon/sink/dastard_files.h"

enum { SERVE_HOST = 64, SERVE_LIST = 64 };

enum serve_clock { CLOCK_PACED, CLOCK_INJECTED };
enum serve_readout { READOUT_PLAIN, READOUT_PAIRS, READOUT_COUPLED };   /* TDM: error channels that are silent, or follow their feedback */

/* Times are seconds of the simulation since its begin; 0: never. Numbers are doubles as typed; ranges have been checked. */
struct serve_settings {
    const char *endpoint;                 /* NULL: do not serve */
    char host[SERVE_HOST];
    int port;                             /* of the records; 0: any */
    bool open_network, synthesised, is_signed, idle;
    enum serve_clock clock;
    enum serve_readout readout;
    double speed;
    const char *write_folder;             /* NULL: write only when told */
    struct dastard_formats formats;       /* of what is written there */
    struct { unsigned source, receiver; } groups[SERVE_LIST];
    unsigned automatic[SERVE_LIST];
    size_t n_groups, n_automatic;
    double together, block_s, pool, first_channel, channel_step, auto_delay_s, torn_every, external_Hz, for_s, restart_after_s, stall_after_s, stall_s, vanish_after_s,
        vanish_s, drop_after_s, await, queue, frames_go_on;
};

/* The options as a child parser; its input is a zeroed struct serve_settings. The flags must live while argp parses. */
enum { SERVE_NUMBERS = 18, SERVE_WORDS = 12 };
struct serve_flags {
    struct argp argp;
    struct argp_option options[SERVE_WORDS + SERVE_NUMBERS + 1];
    char help[SERVE_NUMBERS][NUMBER_HELP];
};
void simulate_serve_flags(struct serve_flags *out);

/* Serves until the end that was asked for or a signal; an enum exit_code. */
int simulate_serve(const struct simulate_settings *settings, const struct serve_settings *serve);

#endif
