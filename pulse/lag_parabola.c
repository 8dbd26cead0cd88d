#include "pulse/lag_parabola.h"

#include <math.h>

struct lag_parabola lag_parabola_fit(const double lags[LAGS]) {
    const double *c = lags;
    double p0 = (-6 * c[0] + 24 * c[1] + 34 * c[2] + 24 * c[3] - 6 * c[4]) / 70;
    double p1 = (-14 * c[0] - 7 * c[1] + 7 * c[3] + 14 * c[4]) / 70;
    double p2 = (10 * c[0] - 5 * c[1] - 10 * c[2] - 5 * c[3] + 10 * c[4]) / 70;
    if (!(p2 < 0))
        return (struct lag_parabola){ .height = p0, .arrival_samples = NAN, .peaked = false };
    return (struct lag_parabola){ .height = p0 - p1 * p1 / (4 * p2), .arrival_samples = -p1 / (2 * p2), .peaked = true };
}
