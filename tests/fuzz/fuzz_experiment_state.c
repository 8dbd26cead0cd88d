/* experiment_state.txt bytes: labels come out sorted, joined end to start, and ended by a NUL. */
#include <stdlib.h>
#include <string.h>

#include "calib/experiment_state.h"

#define REQUIRE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct experiment_state s;
    struct complaint why = { 0 };
    if (experiment_state_parse(bytes, n, &s, &why) != STATUS_OK) {
        REQUIRE(why.text[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < s.n; i++) {
        const struct state_label *l = &s.labels[i];
        REQUIRE(l->start_ns >= 0 && l->start_ns <= l->end_ns);
        REQUIRE(l->end_ns == (i + 1 < s.n ? s.labels[i + 1].start_ns : INT64_MAX));
        size_t length = strnlen(l->label, sizeof l->label);
        REQUIRE(length > 0 && length < sizeof l->label);
        int32_t number = -1;
        char kind = state_label_kind(l->label, &number);
        REQUIRE(kind == 0 ? number == -1 : number >= 0);
    }
    experiment_state_done(&s);
    return 0;
}
