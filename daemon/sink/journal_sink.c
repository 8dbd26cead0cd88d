/* The journal as a live session sees it, and what the session's first block says. */
#include <string.h>
#include <stdio.h>

#include "daemon/json_value.h"
#include "daemon/sink/journal.h"
#include "daemon/version.h"

/* All of them, by index: what makes the array again. */
static json_t *names_of(const struct live_array *a) {
    json_t *list = json_array();
    for (uint32_t k = 0; k < a->n_channels; k++)
        json_array_append_new(list, json_value_text(a->channels[k].name));
    return list;
}

static json_t *session_text(const struct live_session *s) {
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:f, s:o, s:o}", "program", "tesd", "version", version_number, "git_id", version_git_id, "boot", s->boot != NULL ? s->boot : "", "calibration",
                     json_value_text(s->calibration_path), "n_samples", (int)s->n_samples, "n_presamples", (int)s->n_presamples, "sample_period_s", s->sample_period_s, "channels",
                     names_of(s->array), "config", json_value_text(s->config_text));
}

static void run(void *context, const struct live_session *session, bool begins) {
    if (!begins || session->folder[0] == '\0') {
        journal_end(context);
        return;
    }
    journal_begin(context, session);
    journal_text(context, JOURNAL_SESSION, session_text(session));
}

static void rows(void *context, const struct row_block *block) { journal_rows(context, block); }

static void event(void *context, const struct scan_event *e) { journal_event(context, e); }

static void model(void *context, const struct array_model *m, uint64_t version) {
    journal_text(context, JOURNAL_MODEL, json_pack("{s:I, s:i, s:i}", "version", (json_int_t)version, "channels", (int)m->n_channels, "tables", (int)m->n_tables));
}

static void step(void *context) { journal_step(context); }

static void health(void *context, struct sink_health *out) {
    const struct journal_counts c = journal_counts(context);
    *out = (struct sink_health){ .name = "journal", .failing = c.error != 0, .accepted = c.given, .lost = c.lost, .bytes = c.bytes };
    if (c.error != 0)
        snprintf(out->trouble, sizeof out->trouble, "cannot be written: %s", strerror(c.error));
}

static void done(void *context) { journal_free(context); }

struct live_sink journal_sink(struct journal *j) {
    return (struct live_sink){ .context = j, .run = run, .rows = rows, .event = event, .model = model, .step = step, .health = health, .done = done };
}
