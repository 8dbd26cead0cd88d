/* daemon/basis_check.h - OFF files whose coefficients mean something else than the model measures.
 *   files of all channels --basis_check--> those of one basis
 * Coefficients are numbers along a basis that the file brings with it. Measured with filters made of another one they give heights that look right and
 * are wrong, so such a file is left out, and told; as is one whose projectors, which made the coefficients, are not those of its basis. */
#ifndef TESD_DAEMON_BASIS_CHECK_H
#define TESD_DAEMON_BASIS_CHECK_H

#include <stddef.h>

#include "daemon/array_model.h"
#include "daemon/source/run_input.h"

/* m: what is to measure, pixel by pixel; NULL: it is yet to be learnt, and a channel's first file says of which basis. Returns the number of files
 * that it has taken out of *pulses. */
size_t basis_check(struct run_input *pulses, const struct array_model *m);

#endif
