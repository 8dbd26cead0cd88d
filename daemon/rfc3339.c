#include "daemon/rfc3339.h"

#include <stdio.h>
#include <time.h>

/* ".25" -> 250000000; *text goes behind it. False: a point without digits. */
static bool parse_fraction(const char **text, int64_t *ns) {
    const char *p = *text;
    int64_t unit = 1000000000;
    *ns = 0;
    if (*p != '.')
        return true;
    for (p++; *p >= '0' && *p <= '9'; p++) {
        unit /= 10;
        *ns += unit * (*p - '0');
    }
    bool digits = p > *text + 1;
    *text = p;
    return digits;
}

static bool parse_zone(const char *p, int64_t *offset_s) {
    int hours, minutes, used = 0;
    *offset_s = 0;
    if ((p[0] == 'Z' || p[0] == 'z') && p[1] == '\0')
        return true;
    if ((p[0] != '+' && p[0] != '-') || sscanf(p + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || p[6] != '\0' || hours > 23 || minutes > 59)
        return false;
    *offset_s = (p[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool rfc3339_parse(const char *text, int64_t *out) {
    struct tm t = { 0 };
    int used = 0;
    int64_t ns, offset_s;
    if (sscanf(text, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min, &t.tm_sec, &used) != 6 || used != 19)
        return false;
    if (t.tm_year < 1970 || t.tm_year >= 2200 || t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 ||
        t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60)
        return false;
    t.tm_year -= 1900;
    t.tm_mon--;
    const char *p = text + used;
    if (!parse_fraction(&p, &ns) || !parse_zone(p, &offset_s))
        return false;
    *out = ((int64_t)timegm(&t) - offset_s) * 1000000000 + ns;
    return true;
}
