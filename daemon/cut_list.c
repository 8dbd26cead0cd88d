#include "daemon/cut_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_range(const char *text, double *lo, double *hi) {
    char *end;
    *lo = strtod(text, &end);
    if (end == text || *end != ':')
        return false;
    text = end + 1;
    *hi = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*lo) && isfinite(*hi) && *lo < *hi;
}

bool cut_window_parse(const char *text, struct yield_region *out, char *why, size_t n) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const size_t name = strspn(text, letters);
    double lo, hi;
    if (name == 0 || name >= sizeof out->name || text[name] != '=' || !parse_range(text + name + 1, &lo, &hi)) {
        snprintf(why, n, "%.80s: NAME=LO:HI in eV is wanted, the name of letters, digits and _, LO below HI", text);
        return false;
    }
    *out = (struct yield_region){ .lo_eV = lo, .hi_eV = hi };
    memcpy(out->name, text, name);
    return true;
}

bool cut_list_add(struct cut_list *list, enum cut_kind kind, const char *text, char *why, size_t n) {
    struct yield_region w;
    if (!cut_window_parse(text, &w, why, n))
        return false;
    bool taken = strcmp(w.name, "all") == 0;
    for (uint32_t k = 0; k < list->n; k++)
        taken = taken || (list->kind[k] == kind && strcmp(list->window[k].name, w.name) == 0);
    if (taken) {
        snprintf(why, n, "%.80s: there is a cut of this name already", text);
        return false;
    }
    if (list->n == CUT_LIST_MAX) {
        snprintf(why, n, "%.80s: more than %d spectra and cuts together", text, CUT_LIST_MAX);
        return false;
    }
    list->kind[list->n] = kind;
    list->window[list->n++] = w;
    return true;
}

bool cut_list_parse(struct cut_list *list, enum cut_kind kind, const char *text, char *why, size_t n) {
    static const char between[] = ", \t";
    for (text += strspn(text, between); *text != '\0'; text += strspn(text, between)) {
        char one[128];
        const size_t length = strcspn(text, between);
        snprintf(one, sizeof one, "%.*s", (int)(length < sizeof one ? length : sizeof one - 1), text);
        if (!cut_list_add(list, kind, one, why, n))
            return false;
        text += length;
    }
    return true;
}
