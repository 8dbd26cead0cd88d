/* daemon/cli/simulate_twin.h - a twin of the acquisition server DASTARD: one thread, one loop, block after block.
 *   array --simulated_array_block--> records --> ports, files, counts;   control port --twin_verbs--> what changes between two blocks
 * Time is frames of the simulation. A clock says when a block is due: the real one, N times faster, or one that is told to go on. */
#ifndef TESD_DAEMON_CLI_SIMULATE_TWIN_H
#define TESD_DAEMON_CLI_SIMULATE_TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/cli/simulate_plan.h"
#include "daemon/cli/simulate_serve.h"
#include "daemon/control/dastard_rpc.h"
#include "daemon/dastard_array.h"
#include "daemon/sink/dastard_counter.h"
#include "daemon/sink/dastard_files.h"
#include "daemon/sink/dastard_status.h"
#include "daemon/source/simulated_array.h"

enum { NEVER = -1 };

struct twin {
    struct simulate_settings *settings;        /* record length may change */
    const struct serve_settings *serve;
    struct simulate_plan plan;
    struct dastard_array *channels;
    struct simulated_array *array;
    struct dastard_block block;                /* made ahead of time */
    bool prepared;
    struct dastard_status *status;
    struct dastard_files *files;
    struct off_projection *projections;        /* of each channel, once OFF files were asked for */
    struct dastard_ports *ports;               /* NULL while the server is dead */
    struct dastard_rpc *rpc;
    struct dastard_counter counter;
    int base, signals_fd;
    bool begun, running, quit, complained;     /* begun: time passes, since the source began for the first time */
    bool dying;                                /* between two turns of the loop the server dies, and is back after vanish_s */
    int64_t block_frames, frame, epoch_frame;  /* frame: end of the last block */
    uint64_t blocks;                           /* since the source began */
    int64_t resume_frame, return_frame;        /* when the source begins again, the server is there again; NEVER */
    bool restarted, vanished, dropped, over;   /* things that happen once */
    uint64_t drops;
    size_t next_label;                         /* of the plan: 2 a scan */
    int64_t start_ns;                          /* simulated time of frame 0; the plan has its own */
    int64_t wall_start_ns;                     /* steady clock at frame 0 */
    int64_t sent_ns;                           /* and when the last block was sent */
    int64_t alive_ns;                          /* steady clock at the last ALIVE */
    uint64_t external_told, records, late_blocks;
    double data_s, data_MB;                    /* since the last ALIVE */
};

enum exit_code simulate_twin_new(struct simulate_settings *settings, const struct serve_settings *serve, struct twin **out);
enum exit_code simulate_twin_run(struct twin *t);
void simulate_twin_free(struct twin *t);

void simulate_twin_begin_time(struct twin *t);              /* once */

/* ---- for the verbs ---- */
extern const struct json_request_row twin_verbs[];
extern const size_t twin_verb_count;

int64_t simulate_twin_now_ns(const struct twin *t);         /* simulated, ns since 1970 */
bool simulate_twin_start(struct twin *t, char error[DASTARD_ERROR]);
void simulate_twin_stop(struct twin *t);
void simulate_twin_tell_writing(struct twin *t);
/* Once for a record length; false after logging. */
bool simulate_twin_make_projectors(struct twin *t);
void simulate_twin_forget_projectors(struct twin *t);
/* Another record length: the array is made anew from where it stands. */
bool simulate_twin_lengths(struct twin *t, uint32_t n_samples, uint32_t n_presamples, char error[DASTARD_ERROR]);
void simulate_twin_advance(struct twin *t, double seconds);  /* the injected clock */
/* The server's clock is set: stamps are so much later, or earlier, from the next block on that is not made yet; frames go on. */
void simulate_twin_set_clock(struct twin *t, double later_s);

/* ---- for the loop: twin_blocks.c ---- */
void twin_blocks_prepare(struct twin *t);    /* the next block, ahead of time */
void twin_blocks_send(struct twin *t);       /* it is due: out with it; whatever else happens at this time happens */
void twin_blocks_alive(struct twin *t);      /* ALIVE */
int64_t twin_blocks_ns(const struct twin *t, int64_t frame);   /* simulated time of a frame, ns since 1970 */
double twin_blocks_s(const struct twin *t);                    /* simulated seconds since the begin, end of the last block */

#endif
