/* Status bodies and scan-point requests, one JSON object {"TOPIC": body, ...}: whatever they hold, what is known stays within its bounds. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "daemon/control/scan_link.h"
#include "daemon/live_array.h"
#include "daemon/live_status.h"
#include "daemon/upstream_loss.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_array(const json_t *names) {
    struct live_array *a;
    if (!live_array_make(names, &a))
        return;
    for (uint32_t p = 0; p < a->n_pixels; p++)
        if (a->index_of_pixel[p] >= a->n_channels || a->channels[a->index_of_pixel[p]].pixel != p || live_array_find(a, a->channels[a->index_of_pixel[p]].number) != a->index_of_pixel[p])
            __builtin_trap();
    if (!live_array_same(a, names))
        __builtin_trap();
    live_array_free(a);
}

static void check_events(const json_t *argument) {
    struct scan_event e;
    const char *why;
    for (enum scan_event_kind k = 0; k < N_SCAN_EVENT_KINDS; k++)
        if (scan_link_event(k, argument, &e, &why) != (why == NULL) || (why == NULL && (e.time_ns <= 0 || e.number < -1)))
            __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    json_t *root = json_loadb((const char *)bytes, n, 0, NULL), *body;
    const char *topic;
    struct live_status s;
    struct upstream_loss *loss;
    if (!live_status_init(&s) || !upstream_loss_new(4, &loss))
        return 0;
    json_object_foreach(root, topic, body) {
        live_status_take(&s, topic, body);
        upstream_loss_message(loss, body);
        check_array(body);
        check_events(body);
        if (s.n_presamples > s.n_samples || strnlen(s.folder, sizeof s.folder) == sizeof s.folder || strnlen(s.base_name, sizeof s.base_name) == sizeof s.base_name)
            __builtin_trap();
    }
    struct acquisition_status triggers;
    if (live_status_triggers(&s, &triggers))
        acquisition_status_done(&triggers);
    upstream_loss_free(loss);
    live_status_done(&s);
    json_decref(root);
    return 0;
}
