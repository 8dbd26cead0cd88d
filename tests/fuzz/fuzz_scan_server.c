/* Hostile requests to the scan server, one after the other as they are cut out of the bytes: every one has a reply that is JSON, is short
 * enough for clients and says success or not; what is refused changes no state. Methods that write files are left out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/json_request.h"
#include "tests/daemon/made_scan_host.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static bool writes_files(const char *bytes, size_t n) {
    return memmem(bytes, n, "scan_end", 8) != NULL || memmem(bytes, n, "roi_save", 8) != NULL || memmem(bytes, n, "pfy_output", 10) != NULL ||
           memmem(bytes, n, "quick_post", 10) != NULL || memmem(bytes, n, "\\u", 2) != NULL;
}

static void one(struct scan_server *s, const char *bytes, size_t n, uint64_t ticket) {
    enum scan_state before = scan_server_session(s)->state;
    bool later;
    char *text = scan_server_answer(s, bytes, n, ticket, 0, &later);
    REQUIRE(!later && text != NULL && strlen(text) < SCAN_REPLY_BYTES);
    json_t *reply = json_loads(text, 0, NULL);
    REQUIRE(json_object_size(reply) == 2 && json_object_get(reply, "response") != NULL && json_is_boolean(json_object_get(reply, "success")));
    REQUIRE(json_is_true(json_object_get(reply, "success")) || scan_server_session(s)->state == before);
    json_decref(reply);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct made_host host = { .now_ns = INT64_C(1603371671000000000), .file = "/nowhere/20261122_run0007_chan1.ljh" };
    const struct scan_server_settings settings = { .host = "127.0.0.1", .port = -1, .log_folder = "/nowhere", .user_folder = "", .beamtime_id = "1", .i0_key = "i0" };
    const struct scan_host as_host = made_scan_host(&host);
    struct scan_server *s;
    const char *text = (const char *)bytes;
    REQUIRE(scan_server_open(&settings, &as_host, &s));
    for (uint64_t ticket = 1; n > 0; ticket++) {
        struct json_request_scan scan = { 0 };
        size_t end = 0;
        if (json_request_cut(&scan, text, n, &end) != REQUEST_WHOLE)
            break;
        if (!writes_files(text, end))
            one(s, text, end, ticket);
        text += end;
        n -= end;
    }
    scan_server_close(s);
    return 0;
}
