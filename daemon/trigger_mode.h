/* daemon/trigger_mode.h - how the acquisition decided which pulses get a record.   setting, else acquisition status, else the records
 * Live time rests on it (doc/methods.md, Live time). */
#ifndef TESD_DAEMON_TRIGGER_MODE_H
#define TESD_DAEMON_TRIGGER_MODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trigger_kind {
    TRIGGER_KIND_UNKNOWN,      /* to be told by the channel's records */
    TRIGGER_KIND_EDGE,         /* blind for a record and one sample */
    TRIGGER_KIND_EDGE_MULTI,   /* every pulse gets a full record, or one cut to the gap; no dead time */
    TRIGGER_KIND_SINGLE,       /* edge-multi: a pulse less than a record behind another has no record and leaves no trace */
    TRIGGER_KIND_ISOLATED,     /* the same, and one that another follows within its record */
    TRIGGER_KIND_LEVEL,        /* refires on tails, misses pulses on them */
    N_TRIGGER_KINDS
};

struct trigger_mode {
    enum trigger_kind kind;
    bool automatic;            /* records without a pulse stand among the others */
    bool secondary;            /* all records are copies made at another channel's triggers */
};

/* Names of the setting trigger.mode: "auto", "edge", "edge-multi", "edge-multi-short", "edge-multi-single", "edge-multi-isolated",
 * "level". False: no such name. */
bool trigger_kind_named(const char *name, enum trigger_kind *out);
bool trigger_kind_lossy(enum trigger_kind kind);   /* single, isolated */
bool trigger_kind_hides(enum trigger_kind kind);   /* a pulse inside the record of another has none itself: edge, single, isolated */
const char *trigger_kind_text(enum trigger_kind kind);

/* By the spacing of the records of a channel, frames in order: any below the record length is edge-multi, else edge. A quiet channel of
 * edge-multi that is taken for edge loses live time, never truth: it then has no record in what counts as blind. */
enum trigger_kind trigger_kind_of_frames(const int64_t *frames, size_t n, uint32_t n_samples);

/* "3, 17, 100-120": whether the channel is in the list; malformed lists are refused by trigger_list_good. */
bool trigger_list_has(const char *list, int32_t channel);
bool trigger_list_good(const char *list);

#endif
