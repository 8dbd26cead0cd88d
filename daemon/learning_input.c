#include "daemon/learning_input.h"

#include "daemon/source/channel_reader.h"

static bool next(void *context, struct channel_record *out) { return channel_reader_next(context, out); }
static void rewind_reader(void *context) { channel_reader_rewind(context); }
static void close_reader(void *context) { channel_reader_close(context); }

static bool open_sorted(const struct channel_input *input, uint32_t pixel, struct record_walk *out) {
    struct channel_reader *reader;
    if (!channel_reader_open(input, pixel, &reader))
        return false;
    if (!channel_reader_sort(reader)) {
        channel_reader_close(reader);
        return false;
    }
    const struct source_info *info = channel_reader_info(reader);
    *out = (struct record_walk){ .context = reader, .next = next, .rewind = rewind_reader, .close = close_reader };
    if (info != NULL) {
        out->shape = info->shape;
        out->records = info->records;
    }
    return true;
}

static bool pulses(void *context, size_t i, struct record_walk *out) {
    const struct beamtime *b = context;
    return open_sorted(&b->pulses.channels[i], (uint32_t)i, out);
}

static bool noise(void *context, size_t i, struct record_walk *out) {
    const struct beamtime *b = context;
    const struct channel_input *input = run_input_find(&b->noise, b->pulses.channels[i].channel);
    return input == NULL || open_sorted(input, (uint32_t)i, out);
}

static struct learning_channel channel(void *context, size_t i) {
    const struct channel_input *c = &((const struct beamtime *)context)->pulses.channels[i];
    return (struct learning_channel){ .channel = c->channel, .name = c->name };
}

static uint32_t n_samples(void *context, size_t i) {
    const struct channel_input *input = &((const struct beamtime *)context)->pulses.channels[i];
    struct source_file *f;
    struct complaint why;
    if (input->coefficients || input->n_files == 0 || source_file_open(input->files[0].path, &f, &why) != STATUS_OK)
        return 0;
    uint32_t n = source_file_info(f)->shape.n_samples;
    source_file_close(f);
    return n;
}

struct learning_input learning_input_of_files(const struct beamtime *b) {
    return (struct learning_input){
        .context = (void *)(uintptr_t)b, .n_channels = b->pulses.n_channels, .timeline = b->timeline, .n_calibrations = b->n_calibrations,
        .first_ns = b->pulses.first_ns, .last_ns = b->pulses.last_ns, .channel = channel, .n_samples = n_samples, .pulses = pulses, .noise = noise,
    };
}
