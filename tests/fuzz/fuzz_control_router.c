/* Hostile requests to the control port: each has a reply that is JSON and says success or not; axes stay such that a map can be made of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/daemon/made_control_host.h"
#include "tests/daemon/made_scan_host.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static bool writes_files(const char *bytes, size_t n) {
    return memmem(bytes, n, "scan_end", 8) != NULL || memmem(bytes, n, "roi_save", 8) != NULL || memmem(bytes, n, "\\u", 2) != NULL;
}

static void axis_good(const struct energy_axis *a) {
    double bins = (a->hi_eV - a->lo_eV) / a->bin_eV;
    REQUIRE(bins >= 1 && bins <= 20000 && a->bin_eV >= 0.01);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct made_host beam = { .now_ns = INT64_C(1603371671000000000), .file = "/nowhere/20261122_run0007_chan1.ljh" };
    struct made_control made;
    const struct scan_server_settings settings = { .host = "127.0.0.1", .port = -1, .log_folder = "/nowhere", .user_folder = "", .beamtime_id = "1", .i0_key = "i0" };
    const struct scan_host host = made_scan_host(&beam);
    const struct control_host control = made_control_host(&made);
    struct scan_server *s;
    struct control_router *r;
    bool later;
    REQUIRE(scan_server_open(&settings, &host, &s) && control_router_open(&(struct control_router_settings){ .endpoint = "" }, &control, s, &r));
    if (!writes_files((const char *)bytes, n)) {
        char *text = control_router_answer(r, (const char *)bytes, n, 1, 100000, &later, NULL, NULL);
        REQUIRE(!later && text != NULL);
        json_t *reply = json_loads(text, 0, NULL);
        REQUIRE(json_object_get(reply, "response") != NULL && json_is_boolean(json_object_get(reply, "success")));
        axis_good(&made.emission);
        axis_good(&made.loss);
        json_decref(reply);
        free(text);
    }
    control_router_close(r);
    scan_server_close(s);
    return 0;
}
