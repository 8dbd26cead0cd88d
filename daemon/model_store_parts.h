/* daemon/model_store_parts.h - what model_store.c, model_store_pixel.c and model_store_table.c share. Private to them. */
#ifndef TESD_DAEMON_MODEL_STORE_PARTS_H
#define TESD_DAEMON_MODEL_STORE_PARTS_H

#include "calib/calibration_table.h"
#include "daemon/h5_file.h"
#include "daemon/h5_input.h"
#include "pulse/pixel_model.h"

void model_store_write_model(struct h5_file *f, hid_t group, const struct pixel_model *m);
struct pixel_model *model_store_read_model(struct h5_input *in, hid_t group, const char *channel);  /* NULL: no memory */

void model_store_write_table(struct h5_file *f, hid_t group, const struct calibration_table *table);
struct calibration_table *model_store_read_table(struct h5_input *in, hid_t group);   /* NULL after a failure */

#endif
