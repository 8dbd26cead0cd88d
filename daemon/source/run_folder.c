#include "daemon/source/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

static const int64_t LISTING_NS = INT64_C(5000000000);   /* between two listings although inotify tells */

struct run_folder {
    char *path;
    enum folder_notice notice;
    int64_t poll_ns, listed_ns;
    bool there, listed;
    int fd;             /* inotify; -1: polling, or not there yet */
};

bool run_folder_new(const char *path, enum folder_notice notice, int64_t poll_ns, struct run_folder **out) {
    struct run_folder *f = calloc(1, sizeof *f);
    if (f == NULL || (f->path = strdup(path)) == NULL) {
        free(f);
        return false;
    }
    f->notice = notice;
    f->poll_ns = poll_ns;
    f->fd = -1;
    *out = f;
    return true;
}

void run_folder_free(struct run_folder *f) {
    if (f == NULL)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
}

const char *run_folder_path(const struct run_folder *f) { return f->path; }
void run_folder_relist(struct run_folder *f) { f->listed = false; }
bool run_folder_polls(const struct run_folder *f) { return f->fd < 0; }
int run_folder_fd(const struct run_folder *f) { return f->fd; }

static bool is_pulse_file(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcmp(dot, ".ljh") == 0 || strcmp(dot, ".noi") == 0 || strcmp(dot, ".off") == 0);
}

/* File systems on which somebody else may write without this kernel knowing. */
static bool is_shared(const char *path) {
    static const unsigned long shared[] = { NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xFF534D42 /* CIFS */, 0xFE534D42 /* SMB2 */, FUSE_SUPER_MAGIC, V9FS_MAGIC,
                                            AFS_SUPER_MAGIC, CEPH_SUPER_MAGIC, CODA_SUPER_MAGIC, 0x0BD00BD0 /* Lustre */, 0x47504653 /* GPFS */, 0x19830326 /* BeeGFS */ };
    struct statfs s;
    if (statfs(path, &s) != 0)
        return false;
    for (size_t i = 0; i < sizeof shared / sizeof shared[0]; i++)
        if (((unsigned long)s.f_type & 0xFFFFFFFF) == shared[i])
            return true;
    return false;
}

/* The watch stands before the first listing, so that nothing falls between the two. */
static void begin_watch(struct run_folder *f) {
    f->there = true;
    if (f->notice == NOTICE_POLL || (f->notice == NOTICE_BEST && is_shared(f->path)))
        return;
    f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (f->fd >= 0 && inotify_add_watch(f->fd, f->path, IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_CLOSE_WRITE | IN_ONLYDIR) < 0) {
        close(f->fd);   /* no watches left on this machine: looking again does as well */
        f->fd = -1;
    }
}

static void list(struct run_folder *f, int64_t now_ns, folder_told *told, void *context) {
    DIR *d = opendir(f->path);
    f->listed_ns = now_ns;
    f->listed = true;
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (is_pulse_file(e->d_name))
            told(context, e->d_name, FOLDER_THERE);
    closedir(d);
}

static void tell(struct run_folder *f, const struct inotify_event *e, folder_told *told, void *context) {
    if (e->mask & IN_Q_OVERFLOW)
        f->listed = false;
    if (e->len == 0 || !is_pulse_file(e->name))
        return;
    if (e->mask & (IN_CREATE | IN_MOVED_TO))
        told(context, e->name, FOLDER_THERE);
    if (e->mask & IN_MODIFY)
        told(context, e->name, FOLDER_GREW);
    if (e->mask & IN_CLOSE_WRITE)
        told(context, e->name, FOLDER_CLOSED);
}

static void read_notices(struct run_folder *f, folder_told *told, void *context) {
    _Alignas(struct inotify_event) char buffer[16384];
    ssize_t n;
    while ((n = read(f->fd, buffer, sizeof buffer)) > 0)
        for (const char *p = buffer; p < buffer + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(const void *)p;
            tell(f, e, told, context);
            p += sizeof *e + e->len;
        }
}

void run_folder_step(struct run_folder *f, int64_t now_ns, folder_told *told, void *context) {
    int64_t due_ns = f->listed_ns + (f->there && f->fd >= 0 ? LISTING_NS : f->poll_ns);
    if (!f->there && (!f->listed || now_ns >= due_ns)) {
        f->listed = f->there;
        f->listed_ns = now_ns;
        if (access(f->path, R_OK | X_OK) != 0) {
            f->listed = true;
            return;
        }
        begin_watch(f);
    }
    if (!f->there)
        return;
    if (f->fd >= 0)
        read_notices(f, told, context);
    if (!f->listed || now_ns >= due_ns)
        list(f, now_ns, told, context);
}

/* ---- the newest run ---- */

static bool all_digits(const char *s, size_t n) {
    return strlen(s) == n && strspn(s, "0123456789") == n;
}

/* The largest name of n digits in the folder; "" when there is none. */
static void largest(const char *folder, size_t n, char name[16]) {
    DIR *d = opendir(folder);
    name[0] = '\0';
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (all_digits(e->d_name, n) && strcmp(e->d_name, name) > 0)
            memcpy(name, e->d_name, n + 1);
    closedir(d);
}

static bool holds_pulse_files(const char *folder) {
    DIR *d = opendir(folder);
    bool holds = false;
    if (d == NULL)
        return false;
    for (struct dirent *e; !holds && (e = readdir(d)) != NULL;)
        holds = is_pulse_file(e->d_name);
    closedir(d);
    return holds;
}

static bool looks_like_a_run(const char *folder) {
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return n >= 14 && folder[n - 5] == '/' && folder[n - 14] == '/' && strspn(folder + n - 4, "0123456789") >= 4 && strspn(folder + n - 13, "0123456789") == 8;
}

bool run_folder_newest(const char *base, char *path, unsigned long size) {
    char day[16], run[16], in_day[PATH_MAX];
    if (looks_like_a_run(base) || holds_pulse_files(base))
        return (unsigned long)snprintf(path, size, "%s", base) < size;
    largest(base, 8, day);
    if (day[0] == '\0' || snprintf(in_day, sizeof in_day, "%s/%s", base, day) >= (int)sizeof in_day)
        return false;
    largest(in_day, 4, run);
    return run[0] != '\0' && (unsigned long)snprintf(path, size, "%s/%s", in_day, run) < size;
}
