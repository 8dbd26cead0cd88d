/* pulse/base64.h - standard base64 text (RFC 4648 section 4, padded) -> bytes. The caller owns both. */
#ifndef TESD_PULSE_BASE64_H
#define TESD_PULSE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "pulse/status.h"

/* Decodes n characters, which must stand for exactly out_bytes bytes. STATUS_BAD_VALUE: another length, a character outside the
 * alphabet, or padding elsewhere than at the end; out then holds nothing of use. */
enum status base64_decode(const char *text, size_t n, void *out, size_t out_bytes);

#endif
