/* daemon/cli/simulate_plan.h - what both forms of tesd simulate begin with: the plan of the beamtime and the pixels that meet it.
 *   settings --simulate_plan_new--> plan + pixels */
#ifndef TESD_DAEMON_CLI_SIMULATE_PLAN_H
#define TESD_DAEMON_CLI_SIMULATE_PLAN_H

#include "calib/beamtime_pixel.h"
#include "daemon/cli/simulate_run.h"
#include "daemon/exit_code.h"

struct simulate_plan {
    struct beamtime_sim *beam;
    struct pixel_sim *pixels;
};

/* EXIT_GOOD, or another code after logging why; *out is then empty. */
enum exit_code simulate_plan_new(const struct simulate_settings *s, struct simulate_plan *out);
void simulate_plan_done(struct simulate_plan *p);

/* The array as settings, plan and pixels describe it; borrows both. */
struct beamtime_array simulate_plan_array(const struct simulate_settings *s, const struct simulate_plan *p);

#endif
