/* daemon/json_value.h - values that JSON cannot carry as they are: bytes that are no UTF-8, numbers that are not finite. */
#ifndef TESD_DAEMON_JSON_VALUE_H
#define TESD_DAEMON_JSON_VALUE_H

#include <jansson.h>

/* NULL gives "". Bytes beyond ASCII become '?' in a text that is not UTF-8 (names in logs may be anything). NULL: no memory. */
json_t *json_value_text(const char *s);
json_t *json_value_number(double x);   /* null for NaN and infinities */

#endif
