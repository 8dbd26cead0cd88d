/* What the methods of the scan server have in common. */
#include <string.h>

#include "daemon/control/scan_server_parts.h"

const json_t *scan_verb_argument(const struct scan_request *r, unsigned k) {
    const json_t *a = r->call->arguments[k];
    return json_is_null(a) ? NULL : a;
}

enum scan_answer scan_verb_refuse(char why[SCAN_ERROR], const char *text) {
    if (text != why)
        snprintf(why, SCAN_ERROR, "%s", text);
    return SCAN_REFUSED;
}

enum scan_answer scan_verb_wants(const struct scan_server *s, enum scan_state state, char why[SCAN_ERROR]) {
    char text[120];
    const char *wrong = scan_session_wants(&s->session, state, text);
    return wrong == NULL ? SCAN_DONE : scan_verb_refuse(why, wrong);
}

enum scan_answer scan_verb_wish(struct scan_server *s, enum scan_wish what, json_t *argument, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    json_t *nobody = NULL;
    enum scan_answer a = s->host.wish(s->host.context, what, argument, r->waited_ms, result != NULL ? result : &nobody, why);
    json_decref(argument);
    json_decref(nobody);
    return a;
}

enum scan_answer scan_verb_nothing(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)s, (void)r, (void)result, (void)why;
    return SCAN_DONE;
}

enum { N_TABLES = 4 };
static const struct scan_verbs *const tables[N_TABLES] = { &scan_verbs, &scan_verbs_counts, &scan_verbs_setup, &scan_verbs_values };

const struct scan_verb *scan_server_verb(size_t k) {
    for (size_t t = 0; t < N_TABLES; k -= tables[t++]->n)
        if (k < tables[t]->n)
            return &tables[t]->list[k];
    return NULL;
}
