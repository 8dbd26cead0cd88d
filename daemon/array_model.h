/* daemon/array_model.h - everything learnt about an array: each channel's pixel model, and the calibration tables.
 * What `calibrate` makes, model_store keeps in a file, and `replay` applies. Pixel i everywhere is channels[i]. Owned whole. */
#ifndef TESD_DAEMON_ARRAY_MODEL_H
#define TESD_DAEMON_ARRAY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/calibration_table.h"
#include "daemon/array_neighbours.h"
#include "pulse/pixel_model.h"

struct array_channel {
    int32_t channel;
    char name[64];
    struct pixel_model *model;        /* NULL: none */
    char reason[200];                 /* why there is none, or what to know */
    struct pixel_learning learning;
};

struct array_model {
    size_t n_channels;
    struct array_channel *channels;   /* by channel number */
    size_t n_tables;
    struct calibration_table **tables;  /* by start time */
    struct array_neighbours *neighbours;  /* owned; NULL: not used. Never kept in files: it needs the records on both sides */
    bool selected;                    /* some channels of a stored array: the next is of all of that, so that each part of an array counts alike */
    uint32_t wide_grades[2];          /* by `causal`; see array_model_wide_grades */
};

bool array_model_new(size_t n_channels, size_t n_tables, struct array_model **out);  /* zeroed; false: no memory */
void array_model_free(struct array_model *m);

size_t array_model_find(const struct array_model *m, int32_t channel);   /* position of a channel number; SIZE_MAX: not there */

/* Bit g: wide windows may count grade g too. Mid when every pixel has filters cut to the gap (and, causal, finds a second pulse in a record by
 * itself); tail when every pixel has a filter blind to tails or needs none. All or none: a window whose pixels lose a grade differently would have
 * a yield that depends on rate. Pixels without a model have no photons and do not count. Of a stored array all pixels are asked, also those that
 * array_model_select left out. */
uint32_t array_model_wide_grades(const struct array_model *m, bool causal);

/* Verdict on a pixel for people: the model's reason when there is no model, else the last table's. Texts are borrowed. */
struct array_verdict { const char *verdict, *reason; double resolution_eV; };
struct array_verdict array_model_verdict(const struct array_model *m, size_t pixel);

extern const char array_model_not_stored[];   /* reason of a channel that array_model_select did not find */
/* A model for the channels given, in their order: what the stored array knows of each, nothing for the others. Consumes *from. */
bool array_model_select(struct array_model *from, const int32_t *channels, size_t n, struct array_model **out);

/* The same model for some of its channels (keep[], in order), sharing what it can: `from` must outlive it, and it is freed only by _view_free. */
bool array_model_view(const struct array_model *from, const uint16_t *keep, size_t n, struct array_model **out);
void array_model_view_free(struct array_model *view);

#endif
