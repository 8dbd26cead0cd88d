#include "daemon/client/web_request.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const methods[] = { "roi_set", "roi_get", "axes_set", "axes_get" };

static bool may_ask(const json_t *request) {
    const char *method = json_string_value(json_object_get(request, "method"));
    for (size_t k = 0; method != NULL && k < sizeof methods / sizeof *methods; k++)
        if (strcmp(method, methods[k]) == 0)
            return true;
    return false;
}

static bool has(const struct web_request *r, const char *want) {
    for (unsigned k = 0; k < r->n_wants; k++)
        if (strcmp(r->wants[k], want) == 0)
            return true;
    return false;
}

static void read_wants(const json_t *list, struct web_request *out) {
    size_t k;
    const json_t *value;
    out->kind = WEB_REFUSED;
    out->why = "next: a list of sets and details is wanted";
    if (!json_is_array(list) || json_array_size(list) > WEB_WANTS)
        return;
    json_array_foreach(list, k, value) {
        const char *text = json_string_value(value);
        if (text == NULL || text[0] == '\0' || json_string_length(value) >= WEB_WANT_TEXT) {
            out->n_wants = 0;
            return;
        }
        if (!has(out, text))
            snprintf(out->wants[out->n_wants++], WEB_WANT_TEXT, "%s", text);
    }
    out->kind = WEB_NEXT;
    out->why = "";
}

void web_request_read(const char *bytes, size_t n, struct web_request *out) {
    *out = (struct web_request){ .kind = WEB_REFUSED, .why = "this is no request" };
    if (n == 4 && memcmp(bytes, "next", 4) == 0) {
        *out = (struct web_request){ .kind = WEB_NEXT, .why = "" };
        return;
    }
    json_t *request = n <= WEB_REQUEST_BYTES ? json_loadb(bytes, n, 0, NULL) : NULL;
    const json_t *wants = json_object_get(request, "next");
    if (wants != NULL) {
        read_wants(wants, out);
    } else if (may_ask(request)) {
        out->kind = WEB_CONTROL;
        out->why = "";
    } else if (json_is_object(request)) {
        out->why = "the page may not ask for that";
    }
    json_decref(request);
}

int web_request_pixel(const char *want) {
    unsigned n = 0;
    int end = 0;
    return strncmp(want, "detail/", 7) == 0 && want[7] >= '0' && want[7] <= '9' && sscanf(want + 7, "%6u/%n", &n, &end) == 1 && end > 0 && want[7 + end] == '\0' ? (int)n : -1;
}
