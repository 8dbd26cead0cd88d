/* Chunks hold whole rows and at most about 256 KiB, so that one scan point of a map costs one chunk to read. The 1.10 format is
 * asked for: its chunk index costs nothing for datasets of one chunk, of which a file with many scans has thousands. */
#include "daemon/h5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/log.h"

enum { CHUNK_BYTES = 256 * 1024, GZIP_LEVEL = 4, PAGE = 4096, WIDE = 64 * 1024 };

/* The innermost line of HDF5's error stack, shortened to "what: the system's message" where it carries one. */
static herr_t innermost(unsigned n, const H5E_error2_t *e, void *text) {
    (void)n;
    static const char mark[] = "error message = '";
    const char *system_text = e->desc ? strstr(e->desc, mark) : NULL;
    if (system_text) {
        system_text += sizeof mark - 1;
        snprintf(text, 300, "%.*s: %.*s", (int)strcspn(e->desc, ":"), e->desc, (int)strcspn(system_text, "'"), system_text);
    } else {
        snprintf(text, 300, "%s", e->desc ? e->desc : "HDF5 gives no reason");
    }
    return 1;
}

void h5_file_fail(struct h5_file *f, const char *what, const char *reason) {
    char text[300] = "";
    if (!reason)
        H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, text);
    if (!f->failed)
        log_error("%s: cannot write %s: %s", f->path, what, reason ? reason : text);
    f->failed = true;
}

/* True when there is something to go on with. To be called before any other HDF5 call, which would clear the reason. */
static bool good(struct h5_file *f, const char *what, hid_t result) {
    if (!f->failed && result < 0)
        h5_file_fail(f, what, NULL);
    return !f->failed;
}

hid_t h5_memory_type(enum array_type t) {
    switch (t) {
    case ARRAY_F4: return H5T_IEEE_F32LE;
    case ARRAY_F8: return H5T_IEEE_F64LE;
    case ARRAY_U1: return H5T_STD_U8LE;
    case ARRAY_U2: return H5T_STD_U16LE;
    case ARRAY_U4: return H5T_STD_U32LE;
    case ARRAY_U8: return H5T_STD_U64LE;
    case ARRAY_I4: return H5T_STD_I32LE;
    default: return H5T_STD_I64LE;
    }
}

/* ---- the file ---- */

static void h5_file_free(struct h5_file *f) {
    if (f) {
        free(f->path);
        free(f->part);
        free(f);
    }
}

/* Chunks of 8 kB and more that begin with a page take half as long to write; those of 64 kB and more that begin at a multiple of that a sixth less again
 * (Zen 4: rows of photons in a replay 25 to 28 ns instead of 28 to 31), for the system then holds each in fewer pieces. A file that grows by rows of
 * maps would be padded by that. */
static void align(const struct h5_file *f, hid_t access) {
    if (f->growing)
        H5Pset_alignment(access, 2 * PAGE, PAGE);
    else
        H5Pset_alignment(access, WIDE, WIDE);
}

static void create(struct h5_file *f) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    align(f, access);
    H5Pset_obj_track_times(creation, false);
    f->id = H5Fcreate(f->part, H5F_ACC_TRUNC, creation, access);
    good(f, "the file", f->id);
    H5Pclose(access);
    H5Pclose(creation);
}

struct h5_file *h5_file_begin(const char *path, bool growing) {
    struct h5_file *f = calloc(1, sizeof *f);
    if (f && asprintf(&f->part, "%s%s", path, growing ? ".new" : ".part") < 0)
        f->part = NULL;
    if (f)
        f->growing = growing;
    if (!f || !f->part || !(f->path = strdup(path))) {
        log_error("%s: out of memory", path);
        h5_file_free(f);
        return NULL;
    }
    H5dont_atexit();   /* 1.10 crashes in its exit handler after a close that failed on a full disk */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    create(f);
    if (f->failed) {
        h5_file_free(f);
        return NULL;
    }
    return f;
}

struct h5_file *h5_file_create(const char *path) { return h5_file_begin(path, false); }

/* Without fallocate, as on some network file systems, the free space now is all that can be asked. */
static int room_by_count(int fd, uint64_t bytes) {
    struct statvfs facts;
    if (fstatvfs(fd, &facts) != 0)
        return errno;
    return (uint64_t)facts.f_bavail * facts.f_frsize >= bytes ? 0 : ENOSPC;
}

int h5_file_room(struct h5_file *f, uint64_t bytes) {
    hsize_t now = 0;
    if (f->failed || H5Fget_filesize(f->id, &now) < 0)
        return EIO;
    const int fd = open(f->part, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)(now + bytes)) == 0 ? 0 : errno;
    f->has_room |= error == 0;
    if (error == EOPNOTSUPP || error == ENOSYS)
        error = room_by_count(fd, bytes);
    close(fd);
    return error;
}

/* To its own size, which frees what lies behind; HDF5 does it only where the end has moved by itself. Nothing but space is at stake. */
static void give_back(const struct h5_file *f) {
    struct stat facts;
    if (f->has_room && stat(f->part, &facts) == 0 && truncate(f->part, facts.st_size) != 0)
        log_warning("%s: space behind its end stays taken: %s", f->path, strerror(errno));
}

bool h5_file_finish(struct h5_file *f) {
    if (good(f, "the last bytes", H5Fflush(f->id, H5F_SCOPE_GLOBAL)) && good(f, "the last bytes", H5Fclose(f->id))) {
        f->id = -1;
        give_back(f);
        if (!f->growing && rename(f->part, f->path) != 0)
            h5_file_fail(f, "under its final name", strerror(errno));
    }
    bool done = !f->failed;
    if (done)
        h5_file_free(f);
    else
        h5_file_abandon(f);
    return done;
}

void h5_file_abandon(struct h5_file *f) {
    if (!f)
        return;
    if (f->id >= 0)
        H5Fclose(f->id);
    if (!f->growing || strcmp(f->part, f->path) != 0)
        unlink(f->part);
    h5_file_free(f);
}

/* ---- groups ---- */

hid_t h5_file_group(struct h5_file *f, hid_t parent, const char *name, const char *nx_class) {
    if (f->failed)
        return -1;
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(creation, false);
    hid_t g = H5Gcreate2(parent, name, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (good(f, name, g) && nx_class)
        h5_file_attribute_text(f, g, "NX_class", nx_class);
    H5Pclose(creation);
    return g;
}

void h5_file_close_group(hid_t group) {
    if (group >= 0)
        H5Gclose(group);
}

/* ---- attributes ---- */

static void write_attribute(struct h5_file *f, hid_t object, const char *name, hid_t type, hid_t space, const void *data) {
    if (!f->failed) {
        hid_t a = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        if (good(f, name, a)) {
            good(f, name, H5Awrite(a, type, data));
            H5Aclose(a);
        }
    }
    H5Sclose(space);
}

static hid_t text_type(size_t bytes) {
    hid_t t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, bytes);
    H5Tset_strpad(t, H5T_STR_NULLPAD);
    H5Tset_cset(t, H5T_CSET_UTF8);
    return t;
}

/* n texts packed at the width of the longest, at least 1; NULL when memory ends. */
static char *pack_texts(const char *const *texts, size_t n, size_t *width) {
    size_t longest = 1;
    for (size_t k = 0; k < n; k++)
        if (texts[k] && strlen(texts[k]) > longest)
            longest = strlen(texts[k]);
    char *packed = calloc(n ? n : 1, longest);
    for (size_t k = 0; packed && k < n; k++)
        if (texts[k])
            memcpy(packed + k * longest, texts[k], strlen(texts[k]));
    *width = longest;
    return packed;
}

void h5_file_attribute_text(struct h5_file *f, hid_t object, const char *name, const char *text) {
    size_t width;
    char *packed = pack_texts(&text, 1, &width);
    if (!packed) {
        h5_file_fail(f, name, "out of memory");
        return;
    }
    hid_t type = text_type(width);
    write_attribute(f, object, name, type, H5Screate(H5S_SCALAR), packed);
    H5Tclose(type);
    free(packed);
}

void h5_file_attribute_texts(struct h5_file *f, hid_t object, const char *name, const char *const *texts, size_t n) {
    size_t width;
    char *packed = pack_texts(texts, n, &width);
    if (!packed) {
        h5_file_fail(f, name, "out of memory");
        return;
    }
    hid_t type = text_type(width);
    write_attribute(f, object, name, type, H5Screate_simple(1, (hsize_t[]){ n }, NULL), packed);
    H5Tclose(type);
    free(packed);
}

static hid_t space_of(const struct data_array *a) {
    hsize_t dims[ARRAY_MAX_RANK];
    for (unsigned k = 0; k < a->rank; k++)
        dims[k] = a->shape[k];
    return a->rank ? H5Screate_simple((int)a->rank, dims, NULL) : H5Screate(H5S_SCALAR);
}

void h5_file_attribute_array(struct h5_file *f, hid_t object, const struct data_array *a) {
    write_attribute(f, object, a->name, h5_memory_type(a->type), space_of(a), a->data);
}

void h5_file_member_texts(struct h5_file *f, hid_t group, const char *member, const char *name, const char *const *texts, size_t n) {
    if (f->failed)
        return;
    hid_t d = H5Dopen2(group, member, H5P_DEFAULT);
    if (good(f, member, d)) {
        h5_file_attribute_texts(f, d, name, texts, n);
        H5Dclose(d);
    }
}

/* ---- datasets ---- */

static void set_chunks(hid_t creation, unsigned rank, const hsize_t *dims, size_t element_bytes, bool compress) {
    hsize_t chunk[ARRAY_MAX_RANK], row = element_bytes;
    for (unsigned k = 1; k < rank; k++) {
        chunk[k] = dims[k];
        row *= dims[k];
    }
    chunk[0] = row >= CHUNK_BYTES ? 1 : CHUNK_BYTES / row;
    if (chunk[0] > dims[0])
        chunk[0] = dims[0];
    H5Pset_chunk(creation, (int)rank, chunk);
    if (!compress)
        return;
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, GZIP_LEVEL);
}

/* Takes over `space`. A dataset without elements, or a scalar, cannot be chunked. */
static hid_t create_dataset(struct h5_file *f, hid_t group, const char *name, hid_t type, hid_t space) {
    hsize_t dims[ARRAY_MAX_RANK] = { 0 };
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE), d = -1;
    H5Pset_obj_track_times(creation, false);
    int rank = H5Sget_simple_extent_dims(space, dims, NULL);
    if (rank > 0 && H5Sget_simple_extent_npoints(space) > 0)
        set_chunks(creation, (unsigned)rank, dims, H5Tget_size(type), !f->growing);
    if (!f->failed)
        d = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    good(f, name, d);
    H5Pclose(creation);
    H5Sclose(space);
    return d;
}

static void write_texts(struct h5_file *f, hid_t group, const char *name, const char *const *texts, size_t n, hid_t space) {
    size_t width;
    char *packed = pack_texts(texts, n, &width);
    if (!packed) {
        H5Sclose(space);
        h5_file_fail(f, name, "out of memory");
        return;
    }
    hid_t type = text_type(width);
    hid_t d = create_dataset(f, group, name, type, space);
    if (d >= 0) {
        good(f, name, H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, packed));
        H5Dclose(d);
    }
    H5Tclose(type);
    free(packed);
}

void h5_file_text(struct h5_file *f, hid_t group, const char *name, const char *text) {
    write_texts(f, group, name, &text, 1, H5Screate(H5S_SCALAR));
}

void h5_file_texts(struct h5_file *f, hid_t group, const char *name, const char *const *texts, size_t rows, size_t columns) {
    hsize_t dims[2] = { rows, columns };
    write_texts(f, group, name, texts, columns ? rows * columns : rows, H5Screate_simple(columns ? 2 : 1, dims, NULL));
}

static void describe(struct h5_file *f, hid_t object, const struct data_array *a) {
    if (a->units)
        h5_file_attribute_text(f, object, "units", a->units);
    if (a->long_name)
        h5_file_attribute_text(f, object, "long_name", a->long_name);
}

void h5_file_array(struct h5_file *f, hid_t group, const struct data_array *a) {
    hid_t type = h5_memory_type(a->type);
    hid_t d = create_dataset(f, group, a->name, type, space_of(a));
    if (d < 0)
        return;
    if (data_array_elements(a) > 0)
        good(f, a->name, H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, a->data));
    describe(f, d, a);
    H5Dclose(d);
}

/* ---- columns that grow ---- */

hid_t h5_file_column(struct h5_file *f, hid_t group, const struct data_array *like, size_t chunk_rows, bool compress) {
    hsize_t none = 0, without_limit = H5S_UNLIMITED, chunk = chunk_rows;
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE), access = H5Pcreate(H5P_DATASET_ACCESS), d = -1;
    hid_t space = H5Screate_simple(1, &none, &without_limit);
    H5Pset_obj_track_times(creation, false);
    H5Pset_chunk(creation, 1, &chunk);
    if (compress) {
        H5Pset_shuffle(creation);
        H5Pset_deflate(creation, 1);
    } else {
        H5Pset_chunk_cache(access, 0, 0, 1);  /* whole chunks go straight to the file */
    }
    if (!f->failed)
        d = H5Dcreate2(group, like->name, h5_memory_type(like->type), space, H5P_DEFAULT, creation, access);
    if (good(f, like->name, d))
        describe(f, d, like);
    H5Sclose(space);
    H5Pclose(access);
    H5Pclose(creation);
    return d;
}

static void write_slab(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n) {
    hsize_t first = at, count = n;
    hid_t memory = H5Screate_simple(1, &count, NULL), space = -1;
    if (good(f, "a column", space = H5Dget_space(column))) {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL);
        good(f, "a column", H5Dwrite(column, h5_memory_type(type), memory, space, H5P_DEFAULT, data));
        H5Sclose(space);
    }
    H5Sclose(memory);
}

void h5_file_append(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n) {
    hsize_t total = at + n;
    if (!f->failed && n > 0 && good(f, "a column", H5Dset_extent(column, &total)))
        write_slab(f, column, type, data, at, n);
}

void h5_file_column_rows(struct h5_file *f, hid_t column, uint64_t rows) {
    hsize_t total = rows;
    if (!f->failed)
        good(f, "a column", H5Dset_extent(column, &total));
}

void h5_file_write_chunk(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n) {
    hsize_t first = at;
    if (!f->failed)
        good(f, "a column", H5Dwrite_chunk(column, H5P_DEFAULT, 0, &first, n * array_type_size(type), data));
}

void h5_file_overwrite(struct h5_file *f, hid_t column, enum array_type type, const void *data, uint64_t at, size_t n) {
    if (!f->failed && n > 0)
        write_slab(f, column, type, data, at, n);
}

void h5_file_close_column(hid_t column) {
    if (column >= 0)
        H5Dclose(column);
}
