#include "daemon/control/scan_regions.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/scan_call.h"

enum { COUNT_DIGITS = 10 };

void scan_regions_reset(struct scan_regions *r) {
    *r = (struct scan_regions){ .n = 1 };
    strcpy(r->list[0].name, "tfy");
    r->list[0].region = (struct yield_region){ .name = "tfy", .lo_eV = 200, .hi_eV = 1600 };
}

static unsigned find(const struct scan_regions *r, const char *name) {
    unsigned k = 0;
    while (k < r->n && strcmp(r->list[k].name, name) != 0)
        k++;
    return k;
}

static void take_away(struct scan_regions *r, unsigned k) {
    memmove(&r->list[k], &r->list[k + 1], (r->n - k - 1) * sizeof r->list[0]);
    r->n--;
}

/* A name for files and topics: what is no letter or digit becomes '_'. */
static void product_name(const char *name, char out[32]) {
    snprintf(out, 32, "%s", name);
    for (char *c = out; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) || (unsigned char)*c > 127)
            *c = '_';
}

static bool put(struct scan_regions *r, const char *name, double lo, double hi, char why[SCAN_REGIONS_WHY]) {
    struct yield_region region = { .lo_eV = lo, .hi_eV = hi };
    product_name(name, region.name);
    unsigned at = find(r, name);
    for (unsigned k = 0; k < r->n; k++)
        if (k != at && strcmp(r->list[k].region.name, region.name) == 0) {
            snprintf(why, SCAN_REGIONS_WHY, "roi '%.31s' and '%.31s' would have the same name in the file", name, r->list[k].name);
            return false;
        }
    if (at == SCAN_REGIONS) {
        snprintf(why, SCAN_REGIONS_WHY, "more than %d rois", SCAN_REGIONS);
        return false;
    }
    snprintf(r->list[at].name, sizeof r->list[at].name, "%s", name);
    r->list[at].region = region;
    r->n += at == r->n;
    return true;
}

static bool change_one(struct scan_regions *r, const char *name, const json_t *pair, char why[SCAN_REGIONS_WHY]) {
    const json_t *lo = json_array_get(pair, 0), *hi = json_array_get(pair, 1);
    size_t length = strlen(name);
    if (length == 0 || length > 31) {
        snprintf(why, SCAN_REGIONS_WHY, "roi name '%.60s' has not 1 to 31 bytes", name);
        return false;
    }
    if (json_array_size(pair) == 2 && (json_is_null(lo) || json_is_null(hi))) {
        unsigned k = find(r, name);
        if (k < r->n)
            take_away(r, k);
        return true;
    }
    if (json_array_size(pair) != 2 || !json_is_number(lo) || !json_is_number(hi) || !(json_number_value(hi) > json_number_value(lo))) {
        snprintf(why, SCAN_REGIONS_WHY, "roi '%.31s' must be [lo_eV, hi_eV] with hi > lo, or [null, null] to take it away", name);
        return false;
    }
    return put(r, name, json_number_value(lo), json_number_value(hi), why);
}

/* Clients read 1023 bytes: what asks for all counts at once must fit with counts of ten digits. */
static bool reply_fits(const struct scan_regions *r) {
    size_t bytes = strlen("{\"response\": {}, \"success\": true}");
    json_t *all = scan_regions_json(r);
    char *text = json_dumps(all, 0);   /* names as they travel, escapes and all */
    for (unsigned k = 0; k < r->n; k++)
        bytes += COUNT_DIGITS;
    bytes += text != NULL ? strlen(text) : SCAN_REPLY_BYTES;
    free(text);
    json_decref(all);
    return bytes < SCAN_REPLY_BYTES;
}

/* An older form: [[lo, hi, name], ...] instead of {name: [lo, hi], ...}. New reference; NULL: it is neither. */
static json_t *as_object(const json_t *change) {
    if (json_is_object(change))
        return json_deep_copy(change);
    json_t *all = json_is_array(change) ? json_object() : NULL;
    for (size_t k = 0; all != NULL && k < json_array_size(change); k++) {
        const json_t *one = json_array_get(change, k);
        const char *name = json_string_value(json_array_get(one, 2));
        if (json_array_size(one) != 3 || name == NULL) {
            json_decref(all);
            return NULL;
        }
        json_object_set_new(all, name, json_pack("[O,O]", json_array_get(one, 0), json_array_get(one, 1)));
    }
    return all;
}

static bool change_all(struct scan_regions *r, const json_t *change, char why[SCAN_REGIONS_WHY]) {
    const char *name;
    json_t *pair, *all = as_object(change);
    bool good = all != NULL;
    if (!good)
        snprintf(why, SCAN_REGIONS_WHY, "rois are an object {name: [lo_eV, hi_eV]}, or a list of [lo_eV, hi_eV, name]");
    json_object_foreach(all, name, pair)
        good = good && change_one(r, name, pair, why);
    json_decref(all);
    return good;
}

bool scan_regions_change(struct scan_regions *r, const json_t *change, char why[SCAN_REGIONS_WHY]) {
    struct scan_regions next = *r;
    why[0] = '\0';
    const bool list = json_is_object(change) || json_is_array(change);
    if (change == NULL || json_is_null(change) || (list && json_object_size(change) + json_array_size(change) == 0)) {
        scan_regions_reset(r);
        return true;
    }
    if (!change_all(&next, change, why))
        return false;
    if (!reply_fits(&next)) {
        snprintf(why, SCAN_REGIONS_WHY, "the counts of so many rois (%u) would not fit into the 1023 bytes that clients read", next.n);
        return false;
    }
    *r = next;
    return true;
}

json_t *scan_regions_json(const struct scan_regions *r) {
    json_t *all = json_object();
    for (unsigned k = 0; k < r->n; k++)
        json_object_set_new(all, r->list[k].name, json_pack("[f,f]", r->list[k].region.lo_eV, r->list[k].region.hi_eV));
    return all;
}

json_t *scan_regions_one(const struct scan_regions *r, const char *name) {
    unsigned k = find(r, name);
    return k == r->n ? NULL : json_pack("[f,f]", r->list[k].region.lo_eV, r->list[k].region.hi_eV);
}
