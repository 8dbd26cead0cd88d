/* Hostile bytes on a stream: topic, header and one blob, cut where the first two bytes say. What is taken is whole: every array lies in
 * its copy, and the screen made of it stays within its size. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/monitor_view.h"
#include "daemon/client/subscriber.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

static void look(const struct subscriber *s) {
    const struct monitor_screen screen = { .width = 60, .height = 16, .utf8 = true, .endpoint = "e" };
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    REQUIRE(f != NULL);
    monitor_view_text(s, 1, &screen, f);
    fclose(f);
    unsigned lines = 0;
    for (size_t k = 0; k < n; k++)
        lines += text[k] == '\n';
    REQUIRE(lines <= 16);
    free(text);
    json_decref(monitor_view_json(s, 1, "e"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n < 3)
        return 0;
    size_t topic = bytes[0] % 32, header = (size_t)bytes[1] * 8;
    bytes += 2;
    n -= 2;
    topic = topic < n ? topic : n;
    header = header < n - topic ? header : n - topic;
    const struct stream_frame frames[3] = { { bytes, topic }, { bytes + topic, header }, { bytes + topic + header, n - topic - header } };
    struct stream_state *state;
    if (stream_state_read(frames, 3, &state) != STREAM_GOOD)
        return 0;
    double sum = 0;
    for (unsigned k = 0; k < state->n_arrays; k++)
        for (uint64_t i = 0; i < data_array_elements(&state->arrays[k]); i++)
            sum += stream_state_value(&state->arrays[k], i);
    REQUIRE(sum != 0.12345);   /* so that every element is read */
    stream_state_free(state);
    struct subscriber *s;
    REQUIRE(subscriber_new("inproc://fuzz", NULL, NULL, 0, &s) && subscriber_take(s, frames, 3, 0));
    look(s);
    subscriber_free(s);
    return 0;
}
