/* daemon/dastard_array.h - an array as the acquisition server sees it: channels by index, their triggers, who triggers whom.
 * The twin's source, ports, files and verbs all look at one of these; only the twin's verbs change it, between two blocks. */
#ifndef TESD_DAEMON_DASTARD_ARRAY_H
#define TESD_DAEMON_DASTARD_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A channel's trigger settings, in the order of the TRIGGER message. */
enum dastard_trigger_field {
    TRIGGER_AUTO, TRIGGER_AUTO_DELAY_NS, TRIGGER_AUTO_VETO, TRIGGER_LEVEL, TRIGGER_LEVEL_RISING, TRIGGER_LEVEL_LEVEL, TRIGGER_EDGE_ON, TRIGGER_EDGE_RISING,
    TRIGGER_EDGE_FALLING, TRIGGER_EDGE_LEVEL, TRIGGER_MULTI, TRIGGER_MULTI_NOISE, TRIGGER_MULTI_SHORT, TRIGGER_MULTI_CONTAMINATED, TRIGGER_MULTI_SINGLE,
    TRIGGER_MULTI_NO_ZERO, TRIGGER_MULTI_LEVEL, TRIGGER_MULTI_MONOTONE,
    N_TRIGGER_FIELDS
};
struct dastard_trigger_name { const char *name; bool is_flag; };
extern const struct dastard_trigger_name dastard_trigger_names[N_TRIGGER_FIELDS];

struct dastard_channel {
    uint16_t index;              /* position in channels, and what record messages carry */
    int32_t number;              /* sparse; what files and names carry */
    char name[16];               /* "chan17", "err17" */
    uint32_t pixel;              /* of the simulator */
    bool is_error;               /* the error signal of its pixel (time-division readout) */
    bool is_signed;              /* samples are i16 */
    bool has_projectors;         /* so it may have an OFF file */
    uint32_t subframe_offset;
    int64_t trigger[N_TRIGGER_FIELDS];
};

struct dastard_coupling { uint16_t source, receiver; };   /* indices; a record of the source makes one of the receiver */

struct dastard_array {
    struct dastard_channel *channels;
    uint32_t n_channels;
    struct dastard_coupling *couplings;
    size_t n_couplings;
    bool couple_errors;          /* every feedback record makes one of its error channel */
    uint32_t n_samples, n_presamples, subframe_divisions;
    double period_s;
    const char *source_name;     /* as STATUS has it; borrowed */
};

struct dastard_array_settings {
    uint32_t n_pixels;
    int32_t first_number, number_step;   /* channel numbers; >= 0 and >= 1 */
    bool tdm;                    /* index 2k is the error, 2k + 1 the feedback of pixel k */
    bool couple_errors;          /* tdm only */
    bool is_signed;              /* of the channels that carry pulses */
    bool edge_multi;
    uint32_t n_samples, n_presamples;
    double period_s;
};

/* False: no memory, or more than 65536 channels. */
bool dastard_array_new(const struct dastard_array_settings *settings, struct dastard_array **out);
void dastard_array_free(struct dastard_array *a);

/* False: no such channel, a channel with itself, or no memory. Adding what is there changes nothing. */
bool dastard_array_couple(struct dastard_array *a, uint32_t source, uint32_t receiver);
void dastard_array_uncouple(struct dastard_array *a, uint32_t source, uint32_t receiver);

bool dastard_channel_pulses(const struct dastard_channel *c);   /* its pulses trigger */

#endif
