/* daemon/control/scan_log_folder.h - where logs of scans are written and counted: RUN/logs and USER/beamtime_ID/YYYYMMDD. */
#ifndef TESD_DAEMON_CONTROL_SCAN_LOG_FOLDER_H
#define TESD_DAEMON_CONTROL_SCAN_LOG_FOLDER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* One more than the largest number of scanNNNN.json and calibrationNNNN.json in the folder; 0: there are none, or no folder. */
int32_t scan_log_folder_next(const char *folder);
/* Writes the log whole, by rename, making the folder where it is missing. False after logging. */
bool scan_log_folder_write(const char *folder, const char *name, const json_t *log);

/* LOG or, when that is "", the folder "logs" beside the file. */
void scan_log_folder_of_file(const char *log_folder, const char *file, char *out, unsigned size);
/* USER/beamtime_ID/YYYYMMDD: the day that the file's name begins with, as the acquisition names files; without one, that of the time, here. */
void scan_log_folder_of_day(const char *user_folder, const char *beamtime_id, const char *file, int64_t time_ns, char *out, unsigned size);
bool scan_log_folder_make(const char *folder);   /* with those above it; false: errno says why */

#endif
