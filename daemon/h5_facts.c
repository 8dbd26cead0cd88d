#include "daemon/h5_facts.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 256 };

static void put(json_t *facts, const char *key, json_t *value) {
    json_object_set_new(facts, key, value);
}

/* A scalar string dataset of fixed or variable length; "" when there is none. Links are looked at one by one: H5Dopen on a
 * missing name would be an error that HDF5 reports itself. */
static void read_text(hid_t file, const char *group, const char *name, char out[TEXT]) {
    out[0] = 0;
    char path[TEXT];
    snprintf(path, sizeof path, "%s/%s", group, name);
    if (H5Lexists(file, group, H5P_DEFAULT) <= 0 || H5Lexists(file, path, H5P_DEFAULT) <= 0)
        return;
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t type = d >= 0 ? H5Dget_type(d) : -1;
    if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 && H5Tget_size(type) < 1 << 20) {
        char *text = calloc(H5Tget_size(type) + 1, 1);
        if (text != NULL && H5Dread(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0)
            snprintf(out, TEXT, "%s", text);
        free(text);
    }
    if (type >= 0)
        H5Tclose(type);
    if (d >= 0)
        H5Dclose(d);
}

static long long column_length(hid_t file, const char *group, const char *name) {
    char path[TEXT];
    snprintf(path, sizeof path, "%s/%s", group, name);
    if (H5Lexists(file, group, H5P_DEFAULT) <= 0 || H5Lexists(file, path, H5P_DEFAULT) <= 0)
        return -1;
    hid_t d = H5Dopen2(file, path, H5P_DEFAULT);
    if (d < 0)
        return -1;
    hid_t space = H5Dget_space(d);
    long long n = space >= 0 ? (long long)H5Sget_simple_extent_npoints(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    H5Dclose(d);
    return n;
}

static long long column_sum(hid_t file, const char *group, const char *name) {
    long long n = column_length(file, group, name), sum = 0;
    char path[TEXT];
    snprintf(path, sizeof path, "%s/%s", group, name);
    unsigned long long *v = n > 0 ? calloc((size_t)n, sizeof *v) : NULL;
    hid_t d = v != NULL ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
    if (d >= 0 && H5Dread(d, H5T_NATIVE_ULLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, v) >= 0)
        for (long long i = 0; i < n; i++)
            sum += (long long)v[i];
    if (d >= 0)
        H5Dclose(d);
    free(v);
    return n < 0 ? -1 : sum;
}

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *list) {
    (void)group;
    (void)info;
    json_array_append_new(list, json_string(name));
    return 0;
}

static json_t *names_below(hid_t file, const char *group) {
    json_t *list = json_array();
    hid_t g = H5Gopen2(file, group, H5P_DEFAULT);
    hsize_t from = 0;
    if (g >= 0) {
        H5Literate(g, H5_INDEX_NAME, H5_ITER_INC, &from, add_name, list);
        H5Gclose(g);
    }
    return list;
}

static void put_count(json_t *facts, const char *key, long long n) {
    if (n >= 0)
        put(facts, key, json_integer(n));
}

static void put_text(json_t *facts, hid_t file, const char *group, const char *name, const char *key) {
    char text[TEXT];
    read_text(file, group, name, text);
    if (text[0] != 0)
        put(facts, key, json_string(text));
}

/* A scalar number; NaN when there is none. */
static double read_number(hid_t file, const char *group, const char *name) {
    char path[TEXT];
    double value = NAN;
    snprintf(path, sizeof path, "/entry/%s/%s", group, name);
    hid_t d = H5Lexists(file, path, H5P_DEFAULT) > 0 ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
    hid_t space = d >= 0 ? H5Dget_space(d) : -1;
    if (space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &value) < 0)
        value = NAN;
    if (space >= 0)
        H5Sclose(space);
    if (d >= 0)
        H5Dclose(d);
    return value;
}

/* What the monitors alarmed for, and where the elastic line lay in each scan. */
static void put_watched(hid_t file, json_t *facts, const json_t *groups) {
    json_t *alarms = json_object(), *elastic = json_object(), *name;
    size_t i;
    json_array_foreach(groups, i, name) {
        const char *text = json_string_value(name);
        double alarmed = strncmp(text, "monitor_", 8) == 0 ? read_number(file, text, "pixels_alarmed") : (double)NAN;
        double offset = strncmp(text, "elastic_", 8) == 0 ? read_number(file, text, "emission_minus_incident_eV") : (double)NAN;
        if (alarmed >= 0)
            json_object_set_new(alarms, text + 8, json_integer((json_int_t)alarmed));
        if (isfinite(offset))
            json_object_set_new(elastic, text + 8, json_real(round(1000 * offset) / 1000));
    }
    if (json_object_size(alarms) > 0)
        put(facts, "pixels_alarmed", json_incref(alarms));
    if (json_object_size(elastic) > 0)
        put(facts, "elastic_emission_minus_incident_eV", json_incref(elastic));
    json_decref(alarms);
    json_decref(elastic);
}

static void nexus(hid_t file, json_t *facts) {
    put(facts, "format", json_string("nexus"));
    put_text(facts, file, "/entry", "title", "title");
    put_text(facts, file, "/entry", "start_time", "start_time");
    put_text(facts, file, "/entry", "end_time", "end_time");
    if (H5Lexists(file, "/entry/process", H5P_DEFAULT) > 0) {
        put_text(facts, file, "/entry/process", "version", "version");
        put_text(facts, file, "/entry/process", "state", "state");
        put_text(facts, file, "/entry/process", "command_line", "command_line");
    }
    double version = H5Lexists(file, "/entry/process", H5P_DEFAULT) > 0 ? read_number(file, "process", "product_version") : (double)NAN;
    put_count(facts, "product_version", version >= 1 ? (long long)version : -1);
    put_count(facts, "changes", column_length(file, "/entry/process", "changes"));
    put_count(facts, "records", column_length(file, "/entry/photons", "time_ns"));
    put_count(facts, "photons", column_sum(file, "/entry/pixels", "photons"));
    put_count(facts, "pixels", column_length(file, "/entry/pixels", "channel"));
    json_t *groups = names_below(file, "/entry");
    put_watched(file, facts, groups);
    put(facts, "groups", groups);
}

enum status h5_facts(const char *path, json_t *facts, struct complaint *why) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        complaint_set(why, 0, 0, "HDF5 cannot open it: damaged, or not closed by its writer");
        return STATUS_IO;
    }
    if (H5Lexists(file, "entry", H5P_DEFAULT) > 0) {
        nexus(file, facts);
    } else {
        put(facts, "format", json_string("hdf5"));
        put(facts, "groups", names_below(file, "/"));
    }
    H5Fclose(file);
    return STATUS_OK;
}
