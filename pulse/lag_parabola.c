#include "pulse/lag_parabola.h"

#include <math.h>

const double lag_parabola_weights[PARABOLA_TERMS][LAGS] = {
    { -6. / 70, 24. / 70, 34. / 70, 24. / 70, -6. / 70 },
    { -14. / 70, -7. / 70, 0, 7. / 70, 14. / 70 },
    { 10. / 70, -5. / 70, -10. / 70, -5. / 70, 10. / 70 },
};

struct lag_parabola lag_parabola_of(const double p[PARABOLA_TERMS]) {
    if (!(p[2] < 0))
        return (struct lag_parabola){ .height = p[0], .arrival_samples = NAN, .peaked = false };
    return (struct lag_parabola){ .height = p[0] - p[1] * p[1] / (4 * p[2]), .arrival_samples = -p[1] / (2 * p[2]), .peaked = true };
}

struct lag_parabola lag_parabola_fit(const double lags[LAGS]) {
    const double *c = lags;
    const double p[PARABOLA_TERMS] = {
        (-6 * c[0] + 24 * c[1] + 34 * c[2] + 24 * c[3] - 6 * c[4]) / 70,
        (-14 * c[0] - 7 * c[1] + 7 * c[3] + 14 * c[4]) / 70,
        (10 * c[0] - 5 * c[1] - 10 * c[2] - 5 * c[3] + 10 * c[4]) / 70,
    };
    return lag_parabola_of(p);
}
