/* daemon/calibration_id.h - the name by which results say which calibration they carry: "CAL0-3f2a9c01", the state's label and a CRC of
 * when it was taken and of what the array's lines came to in it (their residuals, spreads, numbers of pixels; resolution, template), all bits of
 * which change when it is learnt otherwise. The same in tesd run, in a replay with the file it kept, for all of the array's pixels or some. */
#ifndef TESD_DAEMON_CALIBRATION_ID_H
#define TESD_DAEMON_CALIBRATION_ID_H

#include "calib/calibration_table.h"
#include "daemon/array_model.h"

enum { CALIBRATION_ID_TEXT = 48 };

void calibration_id_of_table(const struct calibration_table *t, char id[CALIBRATION_ID_TEXT]);
/* Of the newest table, which is the one in force; "" without any. m may be NULL. */
void calibration_id(const struct array_model *m, char id[CALIBRATION_ID_TEXT]);

#endif
