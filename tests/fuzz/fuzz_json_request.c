/* Hostile bytes on the control port, in two pieces: first byte says where they are cut. Cutting in pieces finds the same requests as at
 * once, and every answer is one line of JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/json_request.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static bool echo(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    (void)context;
    (void)error;
    *result = json_deep_copy(argument);
    return *result != NULL;
}

static bool refuse(void *context, const json_t *argument, json_t **result, char error[JSON_REQUEST_ERROR]) {
    (void)context;
    *result = json_true();
    strncpy(error, json_is_string(argument) ? json_string_value(argument) : "no", JSON_REQUEST_ERROR - 1);
    return false;
}

static void answer(const char *bytes, size_t n) {
    static const struct json_request_row rows[] = {{"A.Echo", echo}, {"A.Refuse", refuse}};
    const struct json_request_table table = {rows, 2, NULL};
    char *reply;
    const enum json_request_end end = json_request_answer(&table, bytes, n, &reply);
    REQUIRE((reply == NULL) == (end == REQUEST_HANG_UP));
    if (reply == NULL)
        return;
    const size_t length = strlen(reply);
    REQUIRE(reply[length - 1] == '\n' && strchr(reply, '\n') == reply + length - 1);
    json_t *read = json_loads(reply, 0, NULL);
    REQUIRE(read != NULL && json_object_size(read) == 3);
    json_decref(read);
    free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n < 1)
        return 0;
    const char *text = (const char *)bytes + 1;
    n--;
    const size_t first = bytes[0] < n ? bytes[0] : n;
    while (n > 0) {
        struct json_request_scan whole = {0}, pieces = {0};
        size_t end = 0, same = 0;
        const enum json_request_cut cut = json_request_cut(&whole, text, n, &end);
        enum json_request_cut again = json_request_cut(&pieces, text, first < n ? first : n, &same);
        if (again == REQUEST_MORE)
            again = json_request_cut(&pieces, text, n, &same);
        REQUIRE(cut == again && end == same && end <= n);
        if (cut != REQUEST_WHOLE)
            return 0;
        answer(text, end);
        text += end;
        n -= end;
    }
    return 0;
}
