/* daemon/source/scan_log_field.h - what the two decoders of scan logs share: times, names and texts as struct scan wants them. */
#ifndef TESD_DAEMON_SOURCE_SCAN_LOG_FIELD_H
#define TESD_DAEMON_SOURCE_SCAN_LOG_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* round(seconds x 1e9), in double as every other program does it; false when not finite or beyond int64. */
bool scan_log_ns_of(double seconds, int64_t *out);

/* Decimal number that fills the whole text; false otherwise. Not NaN, not infinite. */
bool scan_log_number_of(const char *text, double *out);

/* The last group of digits in a file's name without its ending: scan0012.json -> 12, 20200219_017_log -> 17; -1: none. */
int32_t scan_log_number_in_name(const char *name);

/* Copies text, control characters as spaces, cut at `size` - 1 bytes but never inside a UTF-8 character. */
void scan_log_copy(char *out, size_t size, const char *text);

/* Whether values of a motor are incident energies in eV. */
bool scan_log_is_energy(const char *var_name, const char *var_unit);

#endif
