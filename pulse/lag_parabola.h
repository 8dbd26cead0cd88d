/* pulse/lag_parabola.h - height and arrival from a filter's output at five neighbouring lags:
 * least-squares parabola p0 + p1 i + p2 i^2 through c[i], i = -2..2 (exact weights over 70, doc/methods.md, Filters). */
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

/* p0, p1, p2 are sums of the lags with fixed weights, so they are filter outputs themselves: who has the filters combined with these
 * weights needs three outputs instead of five, and loses nothing in differences of nearly equal lags. */
enum { PARABOLA_TERMS = 3 };
extern const double lag_parabola_weights[PARABOLA_TERMS][LAGS];   /* p[j] = sum over i of weights[j][i] c[i - 2] */
struct lag_parabola lag_parabola_of(const double p[PARABOLA_TERMS]);

#endif
