/* pulse/lag_parabola.h - height and arrival from a filter's output at five neighbouring lags:
 * least-squares parabola p0 + p1 i + p2 i^2 through c[i], i = -2..2 (exact weights over 70, pulse-analysis.md 5). */
#ifndef TESD_PULSE_LAG_PARABOLA_H
#define TESD_PULSE_LAG_PARABOLA_H

#include <stdbool.h>

enum { LAGS = 5 };

struct lag_parabola {
    double height;           /* p0 - p1^2 / (4 p2); p0 when the parabola does not open downwards */
    double arrival_samples;  /* -p1 / (2 p2), + = later; NaN when it does not */
    bool peaked;             /* p2 < 0: only then is there a maximum to speak of */
};

struct lag_parabola lag_parabola_fit(const double lags[LAGS]);

#endif
