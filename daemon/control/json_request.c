#include "daemon/control/json_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void scan_string(struct json_request_scan *s, char c) {
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->in_string = false;
}

/* Braces and brackets are only counted: whether they match is the parser's business. */
enum json_request_cut json_request_cut(struct json_request_scan *s, const char *bytes, size_t n, size_t *end) {
    for (; s->at < n; s->at++) {
        const char c = bytes[s->at];
        if (s->in_string) {
            scan_string(s, c);
        } else if (!s->begun) {
            if (is_blank(c))
                continue;
            if (c != '{')
                return REQUEST_RUBBISH;
            s->begun = true;
            s->depth = 1;
        } else if (c == '"') {
            s->in_string = true;
        } else if (c == '{' || c == '[') {
            s->depth++;
        } else if ((c == '}' || c == ']') && --s->depth == 0) {
            *end = ++s->at;
            return REQUEST_WHOLE;
        }
    }
    return REQUEST_MORE;
}

static const struct json_request_row *find(const struct json_request_table *table, const char *method) {
    for (size_t i = 0; i < table->n; i++)
        if (strcmp(table->rows[i].method, method) == 0)
            return &table->rows[i];
    return NULL;
}

/* One line: id, result and error, in the order in which the acquisition server has them. */
static char *reply_line(json_t *id, json_t *result, const char *error) {
    json_t *reply = json_object();
    json_object_set(reply, "id", id != NULL ? id : json_null());
    json_object_set_new(reply, "result", result != NULL ? result : json_null());
    json_object_set_new(reply, "error", error != NULL ? json_string_nocheck(error) : json_null());
    char *text = json_dumps(reply, JSON_COMPACT), *line = text == NULL ? NULL : malloc(strlen(text) + 2);
    if (line != NULL)
        sprintf(line, "%s\n", text);
    free(text);
    json_decref(reply);
    return line;
}

static enum json_request_end run(const struct json_request_table *table, json_t *request, char **reply) {
    json_t *id = json_object_get(request, "id"), *parameters = json_object_get(request, "params"), *result = NULL;
    const char *method = json_string_value(json_object_get(request, "method"));
    char error[JSON_REQUEST_ERROR] = "";
    if (method == NULL)
        return REQUEST_HANG_UP;
    const struct json_request_row *row = find(table, method);
    if (row == NULL) {
        snprintf(error, sizeof error, "rpc: can't find method %.200s", method);
        *reply = reply_line(id, NULL, error);
        return *reply != NULL ? REQUEST_ANSWERED_LAST : REQUEST_HANG_UP;
    }
    bool good = json_is_array(parameters) && json_array_size(parameters) > 0;
    if (!good)
        snprintf(error, sizeof error, "jsonrpc: request body missing params");
    else
        good = row->run(table->context, json_array_get(parameters, 0), &result, error);
    if (!good) {
        json_decref(result);
        result = NULL;
    }
    *reply = reply_line(id, result, good ? NULL : error);
    return *reply != NULL ? REQUEST_ANSWERED : REQUEST_HANG_UP;
}

enum json_request_end json_request_answer(const struct json_request_table *table, const char *bytes, size_t n, char **reply) {
    *reply = NULL;
    json_t *request = json_loadb(bytes, n, 0, NULL);
    const enum json_request_end end = json_is_object(request) ? run(table, request, reply) : REQUEST_HANG_UP;
    json_decref(request);
    return end;
}
