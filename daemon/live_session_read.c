/* What the session wants from disks, and does not wait for: the calibration of an array that is to begin or of new settings, the one that a client
 * chose, the list of choices. Each is read in the background (model_reading.h, live_choices.h) and taken over between two rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/live_model.h"
#include "daemon/live_session_parts.h"
#include "daemon/log.h"

static int64_t patience_ms(const struct live_session_work *s) { return (int64_t)(1e3 * s->options.disk.patience_s); }
static bool is_silent(const struct live_session_work *s, const struct model_reading *r) { return r != NULL && !model_reading_over(r) && model_reading_silent_ms(r) > patience_ms(s); }

/* ---- readings that nobody waits for any more ---- */

/* False: too many do not come to an end. */
static bool let_go(struct live_session_work *s, struct model_reading **r) {
    for (unsigned k = 0; k < MAX_LET_GO; k++)
        if (s->let_go[k] == NULL) {
            s->let_go[k] = *r;
            *r = NULL;
            return true;
        }
    return false;
}

static void free_let_go(struct live_session_work *s) {
    for (unsigned k = 0; k < MAX_LET_GO; k++)
        if (s->let_go[k] != NULL && model_reading_over(s->let_go[k])) {
            model_reading_free(s->let_go[k]);
            s->let_go[k] = NULL;
        }
}

/* ---- the calibration of the settings ---- */

static void drop_stored(struct live_session_work *s) {
    array_model_free(s->stored.model);
    s->stored = (struct stored_model){ 0 };
}

/* True: s->stored is what that file holds, or says why not. Else it is being read. */
static bool have_stored(struct live_session_work *s, const char *file) {
    if (strcmp(s->stored.path, file) == 0)
        return true;
    drop_stored(s);
    if (s->reading != NULL && strcmp(model_reading_path(s->reading), file) != 0 && (model_reading_over(s->reading) || is_silent(s, s->reading)))
        let_go(s, &s->reading);
    if (s->reading == NULL)
        model_reading_begin(&file, 1, &s->reading);
    if (s->reading == NULL || !model_reading_over(s->reading) || strcmp(model_reading_path(s->reading), file) != 0)
        return false;
    s->stored = model_reading_end(s->reading);
    s->reading = NULL;
    return true;
}

void live_session_read_ahead(struct live_session_work *s) {
    const struct timespec pause = { .tv_nsec = 1000000 };
    const char *file = s->options.calibration.file;
    while (file[0] != '\0' && !have_stored(s, file) && s->reading != NULL && !is_silent(s, s->reading))
        nanosleep(&pause, NULL);
    if (s->stored.model == NULL)
        drop_stored(s);   /* it may be there when it is wanted; what cannot be read is said then */
}

bool live_session_calibration_ready(struct live_session_work *s) {
    if (s->wanting)
        memcpy(s->options.calibration.file, s->wanted, sizeof s->wanted);
    return s->options.calibration.file[0] == '\0' || have_stored(s, s->options.calibration.file) || s->reading == NULL || is_silent(s, s->reading);
}

static void say_unreadable(const struct live_session_work *s, const char *file, const char *so) {
    log_error("%s: no calibration can be taken from it%s%s%s", file, s->stored.error != 0 ? ": " : "", s->stored.error != 0 ? strerror(s->stored.error) : "", so);
}

/* Of what is stored, which is consumed; NULL there: a model without energies. */
static bool make_model(struct live_session_work *s, const char *file, const struct live_array *array, struct array_model **out) {
    struct array_model *stored = s->stored.model;
    s->stored.model = NULL;
    return live_model_make(stored, file, s->options.analysis.kernel, array, out);
}

bool live_session_stored_model(struct live_session_work *s, const struct live_array *array, struct array_model **out) {
    const char *file = s->options.calibration.file;
    s->wanting = file[0] != '\0' && strcmp(s->stored.path, file) != 0;
    memcpy(s->wanted, file, sizeof s->wanted);
    if (s->wanting) {
        log_warning("%s: its disk does not answer; the array begins without energies until it does", file);
    } else if (file[0] != '\0' && s->stored.model == NULL) {
        say_unreadable(s, file, "");
        drop_stored(s);
        return false;
    }
    if (s->wanting)
        drop_stored(s);   /* of another file */
    const bool good = make_model(s, file, array, out);
    drop_stored(s);
    return good;
}

void live_session_want(struct live_session_work *s, const char *file) {
    memcpy(s->wanted, file, sizeof s->wanted);
    s->wanting = true;
    drop_stored(s);   /* the file may have become another one */
    if (s->reading != NULL && !let_go(s, &s->reading))
        log_error("%s: too many calibrations are being read from disks that do not answer", file);
}

void live_session_want_nothing(struct live_session_work *s) { s->wanting = false; }

static void take_wanted(struct live_session_work *s) {
    struct array_model *m = NULL;
    if (!s->wanting || s->names_new || s->set == NULL || s->book == NULL || (s->wanted[0] != '\0' && !have_stored(s, s->wanted)))
        return;
    s->wanting = false;
    if (s->wanted[0] != '\0' && s->stored.model == NULL) {
        say_unreadable(s, s->wanted, "; the one in force stays");
    } else if (make_model(s, s->wanted, s->set->array, &m)) {
        memcpy(s->options.calibration.file, s->wanted, sizeof s->wanted);
        live_session_swap_model(s, m);
        live_learning_array(s->links.learning, s->set->array, s->set->model);
    }
    drop_stored(s);
}

/* ---- the one that a client chose ---- */

static enum scan_answer refuse(char why[SCAN_ERROR], const char *format, const char *what) {
    snprintf(why, SCAN_ERROR, format, what);
    return SCAN_REFUSED;
}

/* waited_ms: the reading is the asker's own when it began since. */
enum scan_answer live_session_read_choice(struct live_session_work *s, const char *const *paths, size_t n, int64_t waited_ms, struct stored_model *out, char why[SCAN_ERROR]) {
    struct model_reading *r = s->choice;
    if (r != NULL && strcmp(model_reading_path(r), paths[0]) != 0 && !model_reading_over(r) && (!is_silent(s, r) || !let_go(s, &s->choice)))
        return waited_ms > 0 ? SCAN_LATER : refuse(why, "another calibration is being read; ask again in a moment%s", "");
    r = s->choice;
    s->choice_ms = clock_ms();
    if (r != NULL && !model_reading_over(r))
        return is_silent(s, r) && waited_ms > patience_ms(s) ? refuse(why, "%.150s: its disk does not answer; the calibration in force stays", paths[0]) : SCAN_LATER;
    if (r != NULL && strcmp(model_reading_path(r), paths[0]) == 0 && model_reading_begun_ms(r) >= s->choice_ms - waited_ms) {
        s->choice = NULL;
        *out = model_reading_end(r);
        return SCAN_DONE;
    }
    model_reading_free(r);   /* of somebody who is gone, or older than the wish */
    s->choice = NULL;
    return model_reading_begin(paths, n, &s->choice) ? SCAN_LATER : refuse(why, "%s: it cannot be read now; the log says more", paths[0]);
}

/* ---- the list of choices ---- */

enum scan_answer live_session_list(struct live_session_work *s, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]) {
    struct live_choices *c = s->listing;
    if (c != NULL && !live_choices_over(c))
        return live_choices_silent_ms(c) > patience_ms(s) && waited_ms > patience_ms(s) ? refuse(why, "a disk with calibrations does not answer%s", "") : SCAN_LATER;
    const bool mine = c != NULL && live_choices_begun_ms(c) >= clock_ms() - waited_ms;
    json_t *list = c != NULL ? live_choices_end(c) : NULL;
    s->listing = NULL;
    if (mine) {
        *result = list;
        return SCAN_DONE;
    }
    json_decref(list);
    return live_choices_begin(&s->options, &s->listing) ? SCAN_LATER : refuse(why, "no thread could be made that looks for them%s", "");
}

/* ---- the thread's round, and the end ---- */

void live_session_take_read(struct live_session_work *s) {
    free_let_go(s);
    if (s->choice != NULL && model_reading_over(s->choice) && clock_ms() - s->choice_ms > CHOICE_ABANDONED_MS) {
        model_reading_free(s->choice);
        s->choice = NULL;
    }
    if (!s->wanting && !s->names_new && s->set != NULL && s->reading != NULL && model_reading_over(s->reading)) {
        model_reading_free(s->reading);   /* another one has come into force meanwhile */
        s->reading = NULL;
    }
    take_wanted(s);
}

void live_session_read_done(struct live_session_work *s) {
    drop_stored(s);
    model_reading_free(s->reading);
    model_reading_free(s->choice);
    for (unsigned k = 0; k < MAX_LET_GO; k++)
        model_reading_free(s->let_go[k]);
    json_decref(s->listing != NULL ? live_choices_end(s->listing) : NULL);
}
