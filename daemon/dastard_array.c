#include "daemon/dastard_array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 32, EDGE_LEVEL = 100 };

const struct dastard_trigger_name dastard_trigger_names[N_TRIGGER_FIELDS] = {
    [TRIGGER_AUTO] = {"AutoTrigger", true},
    [TRIGGER_AUTO_DELAY_NS] = {"AutoDelay", false},
    [TRIGGER_AUTO_VETO] = {"AutoVetoRange", false},
    [TRIGGER_LEVEL] = {"LevelTrigger", true},
    [TRIGGER_LEVEL_RISING] = {"LevelRising", true},
    [TRIGGER_LEVEL_LEVEL] = {"LevelLevel", false},
    [TRIGGER_EDGE_ON] = {"EdgeTrigger", true},
    [TRIGGER_EDGE_RISING] = {"EdgeRising", true},
    [TRIGGER_EDGE_FALLING] = {"EdgeFalling", true},
    [TRIGGER_EDGE_LEVEL] = {"EdgeLevel", false},
    [TRIGGER_MULTI] = {"EdgeMulti", true},
    [TRIGGER_MULTI_NOISE] = {"EdgeMultiNoise", true},
    [TRIGGER_MULTI_SHORT] = {"EdgeMultiMakeShortRecords", true},
    [TRIGGER_MULTI_CONTAMINATED] = {"EdgeMultiMakeContaminatedRecords", true},
    [TRIGGER_MULTI_SINGLE] = {"EdgeMultiMakeSingleRecords", true},
    [TRIGGER_MULTI_NO_ZERO] = {"EdgeMultiDisableZeroThreshold", true},
    [TRIGGER_MULTI_LEVEL] = {"EdgeMultiLevel", false},
    [TRIGGER_MULTI_MONOTONE] = {"EdgeMultiVerifyNMonotone", false},
};

static void set_trigger(struct dastard_channel *c, bool edge_multi) {
    c->trigger[TRIGGER_AUTO_DELAY_NS] = 250000000;
    c->trigger[TRIGGER_LEVEL_LEVEL] = 4000;
    c->trigger[TRIGGER_EDGE_RISING] = 1;
    c->trigger[TRIGGER_EDGE_LEVEL] = EDGE_LEVEL;
    c->trigger[TRIGGER_MULTI_LEVEL] = edge_multi ? EDGE_LEVEL : 0;
    c->trigger[TRIGGER_MULTI_MONOTONE] = edge_multi ? 5 : 0;
    if (c->is_error)
        return;
    c->trigger[edge_multi ? TRIGGER_MULTI : TRIGGER_EDGE_ON] = 1;
    c->trigger[TRIGGER_MULTI_CONTAMINATED] = edge_multi;
}

static struct dastard_channel channel_of(const struct dastard_array_settings *s, uint32_t index) {
    struct dastard_channel c = {.index = (uint16_t)index, .pixel = s->tdm ? index / 2 : index, .is_error = s->tdm && index % 2 == 0};
    c.number = s->first_number + (int32_t)c.pixel * s->number_step;
    c.is_signed = c.is_error || s->is_signed;
    c.subframe_offset = c.pixel % ROWS;
    snprintf(c.name, sizeof c.name, "%s%d", c.is_error ? "err" : "chan", c.number);
    set_trigger(&c, s->edge_multi);
    return c;
}

bool dastard_array_new(const struct dastard_array_settings *s, struct dastard_array **out) {
    const uint64_t n = (uint64_t)s->n_pixels * (s->tdm ? 2 : 1);
    if (n > 65536)
        return false;
    struct dastard_array *a = calloc(1, sizeof *a);
    struct dastard_channel *channels = calloc(n, sizeof *channels);
    if (a == NULL || channels == NULL) {
        free(a);
        free(channels);
        return false;
    }
    *a = (struct dastard_array){.channels = channels, .n_channels = (uint32_t)n, .couple_errors = s->tdm && s->couple_errors, .n_samples = s->n_samples,
                                .n_presamples = s->n_presamples, .subframe_divisions = ROWS, .period_s = s->period_s, .source_name = s->tdm ? "Lancero" : "SimPulses"};
    for (uint32_t i = 0; i < a->n_channels; i++)
        channels[i] = channel_of(s, i);
    *out = a;
    return true;
}

void dastard_array_free(struct dastard_array *a) {
    if (a == NULL)
        return;
    free(a->channels);
    free(a->couplings);
    free(a);
}

static size_t find(const struct dastard_array *a, uint32_t source, uint32_t receiver) {
    for (size_t i = 0; i < a->n_couplings; i++)
        if (a->couplings[i].source == source && a->couplings[i].receiver == receiver)
            return i;
    return a->n_couplings;
}

bool dastard_array_couple(struct dastard_array *a, uint32_t source, uint32_t receiver) {
    if (source >= a->n_channels || receiver >= a->n_channels || source == receiver)
        return false;
    if (find(a, source, receiver) < a->n_couplings)
        return true;
    struct dastard_coupling *more = realloc(a->couplings, (a->n_couplings + 1) * sizeof *more);
    if (more == NULL)
        return false;
    a->couplings = more;
    more[a->n_couplings++] = (struct dastard_coupling){(uint16_t)source, (uint16_t)receiver};
    return true;
}

void dastard_array_uncouple(struct dastard_array *a, uint32_t source, uint32_t receiver) {
    const size_t i = find(a, source, receiver);
    if (i < a->n_couplings)
        a->couplings[i] = a->couplings[--a->n_couplings];
}

bool dastard_channel_pulses(const struct dastard_channel *c) {
    return !c->is_error && (c->trigger[TRIGGER_EDGE_ON] != 0 || c->trigger[TRIGGER_MULTI] != 0);
}
