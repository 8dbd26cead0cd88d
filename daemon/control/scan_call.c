#include "daemon/control/scan_call.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct scan_method *find(const struct scan_method *methods, size_t n, const char *name) {
    for (size_t k = 0; k < n; k++)
        if (strcmp(methods[k].name, name) == 0)
            return &methods[k];
    return NULL;
}

/* The whole list would not fit into a reply; its beginning helps to see a slip of the keyboard. */
static void say_methods(const struct scan_method *methods, size_t n, const char *name, char error[SCAN_ERROR]) {
    int at = snprintf(error, SCAN_ERROR, "Method '%.60s' does not exit, valid methods are [", name);
    for (size_t k = 0; k < n && at < SCAN_ERROR - 48; k++)
        at += snprintf(error + at, SCAN_ERROR - (size_t)at, "%s'%s'", k > 0 ? ", " : "", methods[k].name);
    snprintf(error + at, SCAN_ERROR - (size_t)at, "]");
}

static unsigned arguments_of(const struct scan_method *m) {
    unsigned n = 0;
    while (n < SCAN_ARGUMENTS && m->arguments[n] != NULL)
        n++;
    return n;
}

static bool older_order(const struct scan_method *m, const json_t *params) {
    return m->numbered && json_is_number(json_array_get(params, 3)) && json_is_number(json_array_get(params, 2));
}

static bool take_params(struct scan_call *c, const json_t *params, char error[SCAN_ERROR]) {
    const bool older = older_order(c->method, params);
    unsigned most = arguments_of(c->method) + older;
    if (params == NULL)
        return true;
    if (!json_is_array(params)) {
        char *text = json_dumps(params, JSON_COMPACT | JSON_ENCODE_ANY);
        snprintf(error, SCAN_ERROR, "args must be a list, instead it is %.200s", text != NULL ? text : "too much");
        free(text);
        return false;
    }
    if (json_array_size(params) > most) {
        snprintf(error, SCAN_ERROR, "Calling Exception: method=%s: takes %u arguments, %zu were given", c->method->name, most, json_array_size(params));
        return false;
    }
    if (older)
        c->scan_num = json_array_get(params, 2);
    for (size_t k = 0; k < json_array_size(params); k++)
        if (!older || k != 2)
            c->arguments[k - (older && k > 2)] = json_array_get(params, k);
    return true;
}

static bool take_kwargs(struct scan_call *c, json_t *kwargs, char error[SCAN_ERROR]) {
    const char *key;
    json_t *value;
    if (kwargs != NULL && !json_is_object(kwargs)) {
        snprintf(error, SCAN_ERROR, "kwargs must be a dict");
        return false;
    }
    json_object_foreach(kwargs, key, value) {
        unsigned k = 0, most = arguments_of(c->method);
        while (k < most && strcmp(c->method->arguments[k], key) != 0)
            k++;
        if (k == most || c->arguments[k] != NULL) {
            snprintf(error, SCAN_ERROR, "Calling Exception: method=%s: %s argument '%.60s'", c->method->name, k == most ? "unexpected" : "multiple values for", key);
            return false;
        }
        c->arguments[k] = value;
    }
    return true;
}

static bool take_arguments(struct scan_call *c, char error[SCAN_ERROR]) {
    if (!take_params(c, json_object_get(c->request, "params"), error) || !take_kwargs(c, json_object_get(c->request, "kwargs"), error))
        return false;
    for (unsigned k = 0; k < c->method->needed; k++)
        if (c->arguments[k] == NULL) {
            snprintf(error, SCAN_ERROR, "Calling Exception: method=%s: missing argument '%s'", c->method->name, c->method->arguments[k]);
            return false;
        }
    return true;
}

bool scan_call_read(const struct scan_method *methods, size_t n_methods, const char *bytes, size_t n, struct scan_call *out, char error[SCAN_ERROR]) {
    json_error_t why;
    struct scan_call c = { .request = json_loadb(bytes, n, 0, &why) };
    bool good = json_is_object(c.request);
    const char *name = json_string_value(json_object_get(c.request, "method"));
    if (!good)
        snprintf(error, SCAN_ERROR, "JSON Parse Exception: %s", c.request == NULL ? why.text : "no object");
    else if (name == NULL)
        snprintf(error, SCAN_ERROR, "method key does not exist");
    else if ((c.method = find(methods, n_methods, name)) == NULL)
        say_methods(methods, n_methods, name, error);
    if (c.method == NULL || !take_arguments(&c, error)) {
        scan_call_done(&c);
        return false;
    }
    *out = c;
    return true;
}

void scan_call_done(struct scan_call *c) {
    json_decref(c->request);
    *c = (struct scan_call){ 0 };
}

static char *reply(const json_t *response, bool success) {
    json_t *r = json_object();
    json_object_set(r, "response", response != NULL ? (json_t *)(uintptr_t)response : json_null());
    json_object_set_new(r, "success", json_boolean(success));
    char *text = json_dumps(r, JSON_REAL_PRECISION(17));
    json_decref(r);
    return text;
}

char *scan_call_error(const char *error) {
    char text[SCAN_ERROR];
    size_t n = strlen(error) < SCAN_ERROR ? strlen(error) : SCAN_ERROR - 1;
    memcpy(text, error, n);
    text[n] = '\0';
    for (char *c = text; *c != '\0'; c++)   /* what a client sent may be cut within a character, and escapes are six bytes for one */
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    json_t *value = json_string(text);
    char *r = reply(value, false);
    json_decref(value);
    return r;
}

char *scan_call_reply(const json_t *result) {
    char *text = reply(result, true);
    if (text == NULL || strlen(text) < SCAN_REPLY_BYTES)
        return text;
    free(text);
    return scan_call_error("Calling Exception: the reply would be longer than the 1023 bytes that clients read; ask for less at a time");
}
