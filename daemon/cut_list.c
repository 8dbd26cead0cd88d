#include "daemon/cut_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind LO:HI; NULL: it is none. */
static const char *parse_range(const char *text, double *lo, double *hi) {
    char *end;
    *lo = strtod(text, &end);
    if (end == text || *end != ':')
        return NULL;
    text = end + 1;
    *hi = strtod(text, &end);
    return end != text && isfinite(*lo) && isfinite(*hi) && *lo < *hi ? end : NULL;
}

/* background: NULL where there is none to be given. */
static bool parse(const char *text, struct yield_region *out, struct yield_region *background) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    const size_t name = strspn(text, letters);
    struct yield_region w = { .lo_eV = 0 }, beside = { .lo_eV = 0 };
    if (name == 0 || name >= sizeof w.name || text[name] != '=')
        return false;
    memcpy(w.name, text, name);
    const char *rest = parse_range(text + name + 1, &w.lo_eV, &w.hi_eV);
    if (rest != NULL && *rest == '-' && background != NULL)
        rest = parse_range(rest + 1, &beside.lo_eV, &beside.hi_eV);
    const bool overlap = beside.lo_eV < beside.hi_eV && beside.lo_eV < w.hi_eV && beside.hi_eV > w.lo_eV;
    if (rest == NULL || *rest != '\0' || overlap)
        return false;
    *out = w;
    if (background != NULL)
        *background = beside;
    return true;
}

bool cut_window_parse(const char *text, struct yield_region *out, char *why, size_t n) {
    if (parse(text, out, NULL))
        return true;
    snprintf(why, n, "%.80s: NAME=LO:HI in eV is wanted, the name of letters, digits and _, LO below HI", text);
    return false;
}

static bool parse_inverse(const char *text, struct yield_region *out, struct yield_region *background, char *why, size_t n) {
    if (parse(text, out, background))
        return true;
    snprintf(why, n, "%.80s: NAME=LO:HI in eV is wanted, or NAME=LO:HI-LO:HI with a window of its background beside it, the name of letters, digits and _, LO below HI", text);
    return false;
}

bool cut_list_add(struct cut_list *list, enum cut_kind kind, const char *text, char *why, size_t n) {
    struct yield_region w, background = { .lo_eV = 0 };
    if (!(kind == CUT_IPFY ? parse_inverse(text, &w, &background, why, n) : cut_window_parse(text, &w, why, n)))
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
    list->background[list->n] = background;
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
