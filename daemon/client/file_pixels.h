/* daemon/client/file_pixels.h - the pixels of a finished NeXus file as the states of a stream: pixel/<n>/ from its table, detail/<n>/ with the spectrum
 * counted from its photons and the curve through the anchors of its last calibration.   OUT.nxs, CAL.h5 --> states, told one after the other */
#ifndef TESD_DAEMON_CLIENT_FILE_PIXELS_H
#define TESD_DAEMON_CLIENT_FILE_PIXELS_H

#include "daemon/array_model.h"
#include "daemon/client/file_states.h"

/* model: what a calibration file says of average pulses and noise, by channel; NULL: they are not known. Reads all photons. False after logging. */
bool file_pixels_read(const char *path, const struct array_model *model, file_state_told *told, void *context);

#endif
