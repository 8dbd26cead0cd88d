/* pulse/edge_trigger.h - the acquisition's edge trigger, applied to the samples of a record: which further pulses in it would have triggered.
 *   records + n_presamples --> level (learnt: no file says it);   record + level --> sample numbers of second pulses
 * DASTARD fires where d[i] + d[i-1] - d[i-2] - d[i-3] first reaches its level, and this is the sample n_presamples of a record. In live
 * time "would have triggered" and "was seen in the record" must be the same test (doc/methods.md, Live time), so the level is read off the
 * records: the difference is below it one sample before the trigger and not below it at the trigger. Pure; no allocation. */
#ifndef TESD_PULSE_EDGE_TRIGGER_H
#define TESD_PULSE_EDGE_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pulse/pulse_record.h"

enum { EDGE_TRIGGER_RECORDS = 2048, EDGE_TRIGGER_ENOUGH = 30, EDGE_TRIGGER_FIRST = 128 };

/* Zero-initialised by the caller, except `inverted`: pulses go down. */
struct edge_trigger {
    bool inverted;
    double level;                 /* counts, of the difference above; 0: not learnt */
    uint32_t n;                   /* records looked at; only the first EDGE_TRIGGER_RECORDS are kept */
    float before[EDGE_TRIGGER_RECORDS], fired[EDGE_TRIGGER_RECORDS];
};

/* A record of a good single pulse; shorter ones than 4 samples before the trigger are ignored. */
void edge_trigger_learn(struct edge_trigger *t, const struct pulse_record *record);
/* Sets the level: half-way between the 99 % point of the sample before and the 1 % point of the trigger sample. False: too few records. */
bool edge_trigger_settle(struct edge_trigger *t);

/* Causal, record by record: the first EDGE_TRIGGER_FIRST good ones set the level. True when it is known from those before this one. */
bool edge_trigger_next(struct edge_trigger *t, const struct pulse_record *record, bool good);

/* Whether the record's own trigger sample (or the two after it) shows the rise; an auto-triggered record shows none. */
bool edge_trigger_fired(const struct edge_trigger *t, const struct pulse_record *record);
/* Where a level is known without its records: of a model, from a file. */
struct edge_rule { bool inverted; double level; };
/* Sample numbers behind the trigger where the difference, once the rise before is over (the difference was 0 or less), reaches the level again;
 * returns how many, at most max. A pulse in the rise of another one is not resolved from it, as little as by the acquisition. */
size_t edge_trigger_find(const struct edge_trigger *t, const struct pulse_record *record, uint32_t *samples, size_t max);
int32_t edge_rule_difference(bool inverted, const struct pulse_record *record, uint32_t sample);   /* sample >= 3; upwards for a pulse */
size_t edge_rule_find(struct edge_rule rule, const struct pulse_record *record, uint32_t *samples, size_t max);

#endif
