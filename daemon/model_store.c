/* CAL.h5: attributes format and version at the root; channels/chan000007 one group per channel number; tables/0000 one group per
 * calibration. Numbers are stored in the types they are computed in, curves as the anchors they are made from, so that nothing is
 * rounded on the way. */
#include "daemon/model_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/model_store_parts.h"
#include "daemon/version.h"

static const char format_name[] = "tesd calibration";

/* ---- saving ---- */

static void write_channel(struct h5_file *f, hid_t channels, const struct array_channel *c, uint32_t index) {
    char name[32];
    snprintf(name, sizeof name, "chan%06d", c->channel);
    if (!f->failed && H5Lexists(channels, name, H5P_DEFAULT) > 0) {
        h5_file_fail(f, name, "the channel number occurs twice");
        return;
    }
    hid_t group = h5_file_group(f, channels, name, NULL);
    h5_file_array(f, group, &(struct data_array){ .name = "channel", .type = ARRAY_I4, .data = &c->channel });
    h5_file_array(f, group, &(struct data_array){ .name = "index", .type = ARRAY_U4, .data = &index });
    h5_file_text(f, group, "name", c->name);
    h5_file_text(f, group, "reason", c->reason);
    if (c->model) {
        hid_t model = h5_file_group(f, group, "model", NULL);
        model_store_write_model(f, model, c->model);
        h5_file_close_group(model);
    }
    h5_file_close_group(group);
}

static void write_all(struct h5_file *f, const struct array_model *store) {
    int32_t version = MODEL_STORE_VERSION;
    h5_file_text(f, f->id, "format", format_name);
    h5_file_array(f, f->id, &(struct data_array){ .name = "version", .type = ARRAY_I4, .data = &version });
    h5_file_text(f, f->id, "program", "tesd");
    h5_file_text(f, f->id, "git_id", version_git_id);
    hid_t channels = h5_file_group(f, f->id, "channels", NULL), tables = h5_file_group(f, f->id, "tables", NULL);
    for (size_t k = 0; k < store->n_channels; k++)
        write_channel(f, channels, &store->channels[k], (uint32_t)k);
    for (size_t k = 0; k < store->n_tables; k++) {
        char name[32];
        snprintf(name, sizeof name, "%04zu", k);
        hid_t table = h5_file_group(f, tables, name, NULL);
        model_store_write_table(f, table, store->tables[k]);
        h5_file_close_group(table);
    }
    h5_file_close_group(channels);
    h5_file_close_group(tables);
}

bool model_store_save(const char *path, const struct array_model *store) {
    struct h5_file *f = h5_file_create(path);
    if (!f)
        return false;
    write_all(f, store);
    return h5_file_finish(f);
}

/* ---- loading ---- */

/* False after saying why: a file made by somebody else or by another version of this program. */
static bool is_ours(struct h5_input *in) {
    int32_t version = 0;
    char format[sizeof format_name + 8] = "";
    if (!h5_input_has(in, in->id, "format") || !h5_input_has(in, in->id, "version") || !h5_input_has(in, in->id, "channels"))
        h5_input_fail(in, "is not a calibration of tesd; 'tesd calibrate -o CAL.h5' makes one");
    h5_input_texts(in, in->id, "format", 1, sizeof format, format);
    h5_input_array(in, in->id, "version", ARRAY_I4, 1, &version);
    if (!in->failed && strcmp(format, format_name) != 0)
        h5_input_fail(in, "is not a calibration of tesd but '%s'", format);
    if (!in->failed && version != MODEL_STORE_VERSION)
        h5_input_fail(in, "is a calibration of version %d and this program reads version %d; calibrate again", version, MODEL_STORE_VERSION);
    return !in->failed;
}

/* Puts the channel at its index in the store and marks the index as seen. */
static void read_channel(struct h5_input *in, hid_t channels, const char *name, struct array_model *store, uint8_t *seen) {
    hid_t group = h5_input_group(in, channels, name);
    struct array_channel c = { 0 };
    uint32_t index = 0;
    h5_input_array(in, group, "channel", ARRAY_I4, 1, &c.channel);
    h5_input_array(in, group, "index", ARRAY_U4, 1, &index);
    h5_input_texts(in, group, "name", 1, sizeof c.name, c.name);
    h5_input_texts(in, group, "reason", 1, sizeof c.reason, c.reason);
    if (!in->failed && (index >= store->n_channels || seen[index]))
        h5_input_fail(in, "channel %s has the index %u, which is taken or beyond the %zu channels", name, index, store->n_channels);
    if (!in->failed && h5_input_has(in, group, "model")) {
        hid_t model = h5_input_group(in, group, "model");
        c.model = model_store_read_model(in, model, name);
        h5_file_close_group(model);
    }
    if (in->failed) {
        pixel_model_free(c.model);
    } else {
        store->channels[index] = c;
        seen[index] = 1;
    }
    h5_file_close_group(group);
}

static hsize_t count_members(struct h5_input *in, hid_t group) {
    H5G_info_t info = { 0 };
    if (!in->failed && H5Gget_info(group, &info) < 0)
        h5_input_fail(in, "is damaged");
    return in->failed ? 0 : info.nlinks;
}

static void member_name(struct h5_input *in, hid_t group, hsize_t k, char name[64]) {
    if (!in->failed && H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, k, name, 64, H5P_DEFAULT) < 0)
        h5_input_fail(in, "is damaged");
}

static void read_channels(struct h5_input *in, struct array_model *store) {
    hid_t group = h5_input_group(in, in->id, "channels");
    hsize_t n = count_members(in, group);
    uint8_t *seen = calloc(n + 1, 1);
    store->channels = calloc(n + 1, sizeof *store->channels);
    if (!store->channels || !seen)
        h5_input_fail(in, "out of memory");
    else
        store->n_channels = n;
    for (hsize_t k = 0; k < n && seen && store->channels && !in->failed; k++) {
        char name[64] = "";
        member_name(in, group, k, name);
        read_channel(in, group, name, store, seen);
    }
    free(seen);
    h5_file_close_group(group);
}

static void read_tables(struct h5_input *in, struct array_model *store) {
    hid_t group = h5_input_group(in, in->id, "tables");
    hsize_t n = count_members(in, group);
    store->tables = calloc(n + 1, sizeof(struct calibration_table *));
    if (!store->tables)
        h5_input_fail(in, "out of memory");
    for (hsize_t k = 0; k < n && store->tables && !in->failed; k++) {
        char name[64] = "";
        member_name(in, group, k, name);
        hid_t table = h5_input_group(in, group, name);
        struct calibration_table *t = model_store_read_table(in, table);
        h5_file_close_group(table);
        if (t)
            store->tables[store->n_tables++] = t;
        if (t && t->n_pixels != store->n_channels)
            h5_input_fail(in, "table %s has %u pixels and the file %zu channels", name, t->n_pixels, store->n_channels);
    }
    h5_file_close_group(group);
}

static bool decode(struct h5_input *in, struct array_model **out) {
    struct array_model *store = calloc(1, sizeof *store);
    if (!store)
        h5_input_fail(in, "out of memory");
    if (store && is_ours(in)) {
        read_channels(in, store);
        read_tables(in, store);
    }
    h5_input_close(in);
    if (in->failed)
        array_model_free(store);
    else
        *out = store;
    return !in->failed;
}

bool model_store_load(const char *path, struct array_model **out) {
    struct h5_input in;
    return h5_input_open(path, &in) && decode(&in, out);
}

bool model_store_decode(const char *path, const void *bytes, size_t n, struct array_model **out) {
    struct h5_input in;
    return h5_input_open_bytes(path, bytes, n, &in) && decode(&in, out);
}
