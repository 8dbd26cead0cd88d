#include "daemon/pixel_choice.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "calib/calibration_verdict.h"
#include "daemon/trigger_mode.h"

bool pixel_choice_parse(const char *text, struct pixel_choice *out) {
    char *end;
    *out = (struct pixel_choice){ .kind = PIXELS_ALL };
    if (strcmp(text, "all") == 0)
        return true;
    if (strncmp(text, "best:", 5) == 0) {
        const long n = strtol(text + 5, &end, 10);
        *out = (struct pixel_choice){ .kind = PIXELS_BEST, .best = n > 0 && n <= UINT16_MAX ? (uint32_t)n : 0 };
        return isdigit((unsigned char)text[5]) && *end == '\0' && out->best > 0;
    }
    if (strncmp(text, "resolution:", 11) == 0) {
        *out = (struct pixel_choice){ .kind = PIXELS_RESOLUTION, .at_most_eV = strtod(text + 11, &end) };
        return end != text + 11 && *end == '\0' && out->at_most_eV > 0;
    }
    *out = (struct pixel_choice){ .kind = PIXELS_LISTED, .channels = text };
    return isdigit((unsigned char)text[0]) && trigger_list_good(text);
}

bool pixel_choice_apply(const struct pixel_choice *c, const uint32_t *channels, const double *resolution_eV, uint32_t n, uint8_t *used) {
    if (c->kind == PIXELS_BEST)
        return calibration_verdict_keep_best(resolution_eV, used, n, c->best) == STATUS_OK;
    for (uint32_t i = 0; i < n; i++)
        if ((c->kind == PIXELS_RESOLUTION && !(resolution_eV[i] <= c->at_most_eV)) || (c->kind == PIXELS_LISTED && !trigger_list_has(c->channels, (int32_t)channels[i])))
            used[i] = 0;
    return true;
}
