#include "daemon/disk_probe.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/pipeline.h"

enum { FRESH_MS = 100 };

struct disk_probe {
    char *folder;
    struct pipeline_job_thread *job;   /* NULL: nothing is out */
    int64_t patience_ms;
    int64_t asked_ms, answered_ms;     /* answered_ms 0: never */
    bool told;                         /* that it is silent */
};

bool disk_probe_new(const char *folder, double patience_s, struct disk_probe **out) {
    struct disk_probe *p = calloc(1, sizeof *p);
    if (p == NULL || (p->folder = strdup(folder)) == NULL) {
        free(p);
        return false;
    }
    p->patience_ms = (int64_t)(patience_s * 1e3);
    *out = p;
    return true;
}

void disk_probe_free(struct disk_probe *p) {
    if (p == NULL)
        return;
    pipeline_background_join(p->job);
    free(p->folder);
    free(p);
}

/* Reading is answered from memory; what changes a folder is not. */
static void ask(void *context) {
    const struct disk_probe *p = context;
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/.tesd_probe_%d_%p", p->folder, (int)getpid(), context) >= PATH_MAX)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    close(fd);
    unlink(path);
}

static void take_answer(struct disk_probe *p, int64_t now_ms) {
    if (pipeline_background_over(p->job)) {
        pipeline_background_join(p->job);
        p->job = NULL;
        p->answered_ms = now_ms;
        if (p->told)
            log_note("%s: the disk answers again", p->folder);
        p->told = false;
    } else if (!p->told && now_ms - p->asked_ms > p->patience_ms) {
        log_warning("%s: the disk does not answer; files that are to be made there wait, and all else goes on", p->folder);
        p->told = true;
    }
}

bool disk_probe_answers(struct disk_probe *p) {
    const int64_t now_ms = clock_ms();
    if (p->job != NULL)
        take_answer(p, now_ms);
    if (p->answered_ms > 0 && now_ms - p->answered_ms <= FRESH_MS)
        return true;
    if (p->job != NULL)
        return false;
    p->asked_ms = now_ms;
    return !pipeline_background("tesd-probe", ask, p, &p->job);   /* nobody can be sent: then we go ourselves */
}

bool disk_probe_wait(struct disk_probe *p, int64_t limit_ms) {
    const int64_t until_ms = clock_ms() + limit_ms;
    const struct timespec pause = { .tv_nsec = 1000000 };
    while (!disk_probe_answers(p)) {
        if (clock_ms() >= until_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

int64_t disk_probe_silent_ms(const struct disk_probe *p) { return p->job != NULL ? clock_ms() - p->asked_ms : 0; }
