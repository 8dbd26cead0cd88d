#include "daemon/live_losses.h"

#include <stdio.h>

void live_losses_sum(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss, struct live_losses *out) {
    struct live_losses all = { 0 };
    for (uint32_t p = 0; p < array->n_pixels; p++) {
        const uint32_t index = array->index_of_pixel[p];
        const struct upstream_channel c = upstream_loss_channel(loss, index);
        const uint64_t own = tally_of(&tally[index].overload);
        all.sent += c.sent;
        all.had += c.had;
        all.lost_upstream += c.lost > own ? c.lost - own : 0;
        all.overload += own;
        all.restarts += tally_of(&tally[index].restarts);
        all.other_form += tally_of(&tally[index].other_form);
        all.other_basis += tally_of(&tally[index].other_basis);
        all.raw_lost += tally_of(&tally[index].raw_lost);
    }
    *out = all;
}

void live_losses_pixels(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss, uint64_t *lost) {
    for (uint32_t p = 0; p < array->n_pixels; p++) {
        const uint32_t index = array->index_of_pixel[p];
        const uint64_t upstream = upstream_loss_channel(loss, index).lost, own = tally_of(&tally[index].overload);
        lost[p] = upstream > own ? upstream : own;   /* what was refused here is missing there too, once its window has been compared */
    }
}

char *live_losses_text(const struct live_array *array, const struct channel_tally *tally, const struct upstream_loss *loss) {
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (f == NULL)
        return NULL;
    for (uint32_t p = 0; p < array->n_pixels; p++) {
        const uint32_t index = array->index_of_pixel[p];
        const struct upstream_channel c = upstream_loss_channel(loss, index);
        const struct channel_tally *t = &tally[index];
        fprintf(f, "%s sent %llu received %llu lost %llu port %llu file %llu overload %llu raw_lost %llu restarts %llu other_basis %llu\n", array->channels[index].name, (unsigned long long)c.sent,
                (unsigned long long)c.had, (unsigned long long)c.lost, (unsigned long long)tally_of(&t->port), (unsigned long long)tally_of(&t->file),
                (unsigned long long)tally_of(&t->overload), (unsigned long long)tally_of(&t->raw_lost), (unsigned long long)tally_of(&t->restarts),
                (unsigned long long)tally_of(&t->other_basis));
    }
    fclose(f);
    return text;
}
