/* daemon/upstream_tally.h - of one channel, what the acquisition says it triggered and what of that reached us, segment by segment.
 *   records --came, add--> how many, and their newest times;   windows --> sent;   close, turn --> what is past;   --sum--> upstream_channel
 * A segment is a stretch of time that is compared as a whole (upstream_loss.h, which says when one begins and ends). Times are stamps of records, ns.
 * A port brings a channel's records in order; a file may fill in any of them later. All zeros: nothing has come. No allocation, no errors; one owner. */
#ifndef TESD_DAEMON_UPSTREAM_TALLY_H
#define TESD_DAEMON_UPSTREAM_TALLY_H

#include <stdbool.h>
#include <stdint.h>

enum { UPSTREAM_TALLY_RECENT = 128 };   /* times kept: more than a channel sends in a window and a bit */

struct upstream_tally {
    uint64_t n;                     /* records of this segment so far */
    int64_t recent[UPSTREAM_TALLY_RECENT];   /* their newest times, in order of coming */
    uint32_t kept, next;
    int64_t newest_ns;              /* of the last record that came by port, if any did */
    uint64_t turned;                /* of n: records from before the clock was set back far, in this segment */
    bool came, has_turned, awaits_turn;   /* awaits: a window told it, and records from before may still come */
    bool behind;                    /* another channel told an epoch whose stamps are those of the one before; this one not yet: what the port brings is from before */
    uint64_t sent, settled;         /* sent in all windows of this segment; in those before the newest */
    uint64_t since_stop;            /* of sent: told since the source stopped, before its new epoch was */
    uint64_t past_sent, past_had;   /* of the segments before; had may exceed sent */
    uint64_t by_port;               /* records that came by the port at all */
};

struct upstream_channel {
    uint64_t sent;     /* triggered (and copied to it), in the windows compared */
    uint64_t had;      /* of those, distinct records that reached us by port or file */
    uint64_t by_port;  /* records that came by the port at all, since the start; whatever the window */
    uint64_t lost;     /* sent - had: neither port nor file had them; falls when a file fills them in */
};

/* The port brings a record of that time. One that is more than `far_ns` (> 0; 0: not known) before the last tells that the clock was set back, so far that its windows are
 * not taken for said again: what came before belongs to other times. */
void upstream_tally_came(struct upstream_tally *t, int64_t time_ns, int64_t far_ns);
/* A record of this segment, whichever way it came. */
void upstream_tally_add(struct upstream_tally *t, int64_t time_ns);
/* Records of this segment up to the time, as far as the memory goes; older ones than it holds are before. */
uint64_t upstream_tally_until(const struct upstream_tally *t, int64_t time_ns);

/* The segment begins at the time: of the records that are remembered, those after it are its own. */
void upstream_tally_open(struct upstream_tally *t, int64_t from_ns);
/* Windows told so far end before the newest. */
void upstream_tally_settle(struct upstream_tally *t);
/* What was sent is past, and so are `had` of the records; the others go with the next segment. */
void upstream_tally_close(struct upstream_tally *t, uint64_t had);
/* The clock was set back far: what came before that is past, whatever its stamp; what came since is all that is remembered. */
void upstream_tally_turn(struct upstream_tally *t);

/* Of all segments; of the present one, if it is open, what was settled, with the records up to the time. */
struct upstream_channel upstream_tally_sum(const struct upstream_tally *t, bool open, int64_t until_ns);

#endif
