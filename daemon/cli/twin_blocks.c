/* daemon/cli/twin_blocks.c - what the twin does block by block (simulate_twin.h): records out, counts told, and the script of
 * restarts, drops and deaths. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cli/simulate_twin.h"
#include "daemon/clock.h"
#include "daemon/log.h"

static const double restart_pause_s = 0.3;

int64_t twin_blocks_ns(const struct twin *t, int64_t frame) {
    return t->start_ns + llround((double)frame * t->settings->period_s * 1e9);
}

double twin_blocks_s(const struct twin *t) {
    return (double)t->frame * t->settings->period_s;
}

static int64_t frames_of(const struct twin *t, double seconds) {
    return llround(seconds / t->settings->period_s);
}

/* ---- the source begins and ends ---- */

static void tell_source(struct twin *t) {
    dastard_status_tell(t->status, "STATUS", dastard_body_status(t->channels, t->running));
    dastard_status_tell(t->status, "CHANNELNAMES", dastard_body_names(t->channels));
    dastard_status_tell(t->status, "TRIGGER", dastard_body_triggers(t->channels));
    dastard_status_tell(t->status, "GROUPTRIGGER", dastard_body_couplings(t->channels));
    dastard_status_tell(t->status, "TRIGCOUPLING", json_integer(t->channels->couple_errors ? 2 : 1));
    dastard_status_tell(t->status, "DATADROP", json_pack("{s:I}", "TotalObserved", (json_int_t)t->drops));
}

void simulate_twin_tell_writing(struct twin *t) {
    dastard_status_tell(t->status, "WRITING", dastard_files_body(t->files));
}

static void begin_writing(struct twin *t) {
    char error[DASTARD_ERROR];
    if (t->serve->write_folder == NULL)
        return;
    if (t->serve->formats.off && !simulate_twin_make_projectors(t))
        return;
    if (!dastard_files_start(t->files, t->serve->write_folder, t->serve->formats, twin_blocks_ns(t, t->frame), error))
        log_error("%s: %s", t->serve->write_folder, error);
    simulate_twin_tell_writing(t);
}

bool simulate_twin_start(struct twin *t, char error[DASTARD_ERROR]) {
    if (t->running || t->over) {
        snprintf(error, DASTARD_ERROR, "%s", t->running ? "already have active source, do not start" : "the simulated beamtime is over");
        return false;
    }
    if (!t->begun)
        simulate_twin_begin_time(t);
    simulated_array_skip(t->array, t->frame);
    t->prepared = false;
    t->epoch_frame = t->frame;
    t->resume_frame = NEVER;
    t->blocks = 0;
    t->drops = 0;
    t->external_told = 0;
    t->running = true;
    dastard_counter_restart(&t->counter);
    tell_source(t);
    begin_writing(t);
    return true;
}

static void tell_rate(struct twin *t, double seconds) {
    const int64_t end_ns = twin_blocks_ns(t, t->epoch_frame) + llround(((double)t->counter.second + seconds) * 1e9);
    dastard_status_tell(t->status, "TRIGGERRATE", dastard_body_rate(end_ns, llround(seconds * 1e9), t->counter.counts, t->channels->n_channels));
    dastard_counter_next(&t->counter);
}

/* What the last, unfinished second saw is told too: the sum of all TRIGGERRATE is the number of primary records. */
static void tell_last_rate(struct twin *t) {
    const double seconds = (double)(t->frame - t->epoch_frame) * t->settings->period_s - (double)t->counter.second;
    if (seconds >= t->settings->period_s)
        tell_rate(t, fmin(seconds, 1));
    if (seconds - 1 >= t->settings->period_s)
        tell_rate(t, seconds - 1);
}

void simulate_twin_stop(struct twin *t) {
    if (!t->running)
        return;
    tell_last_rate(t);
    if (dastard_files_active(t->files)) {
        dastard_files_stop(t->files, twin_blocks_ns(t, t->frame));
        simulate_twin_tell_writing(t);
    }
    t->running = false;
    dastard_status_tell(t->status, "STATUS", dastard_body_status(t->channels, false));
}

/* ---- each second of data ---- */

static void tell_externals(struct twin *t) {
    const double rate = t->serve->external_Hz;
    const uint64_t until = (uint64_t)floor((double)t->counter.second * rate);
    int64_t subframes[10000];
    size_t n = 0;
    for (; t->external_told < until && n < sizeof subframes / sizeof subframes[0]; t->external_told++)
        subframes[n++] = llround((double)t->external_told / rate / t->settings->period_s * t->channels->subframe_divisions);
    dastard_files_external(t->files, subframes, n);
    dastard_status_tell(t->status, "EXTERNALTRIGGER", json_pack("{s:I}", "NumberObservedInLastSecond", (json_int_t)n));
}

static void tell_second(struct twin *t) {
    tell_rate(t, 1);
    tell_externals(t);
    if (dastard_files_active(t->files) && !dastard_files_paused(t->files))
        dastard_status_tell(t->status, "NUMBERWRITTEN", dastard_body_numbers("NumberWritten", dastard_files_written(t->files), t->channels->n_channels));
}

void twin_blocks_alive(struct twin *t) {
    dastard_status_tell(t->status, "ALIVE", dastard_body_alive(t->running, t->data_s, t->data_MB));
    t->data_s = t->data_MB = 0;
}

/* ---- labels of the plan, as a scan server would set them ---- */

static void tell_labels(struct twin *t, int64_t until_ns) {
    const struct beamtime_sim *beam = t->plan.beam;
    for (; t->serve->synthesised && t->next_label < 2 * beam->n_scans; t->next_label++) {
        const struct beam_scan *s = &beam->scans[t->next_label / 2];
        const bool begins = t->next_label % 2 == 0;
        const int64_t at_ns = (begins ? s->start_ns : s->end_ns) - beam->settings.start_ns + t->start_ns;
        char label[32] = "PAUSE";
        if (at_ns > until_ns)
            return;
        if (begins)
            snprintf(label, sizeof label, "%s%u", s->calibration ? "CAL" : "SCAN", s->number);
        if (dastard_files_label(t->files, label, at_ns))
            dastard_status_tell(t->status, "STATELABEL", json_string(label));
    }
}

/* ---- one block ---- */

static int64_t next_end(const struct twin *t) {
    const int64_t end = t->frame + t->block_frames, most = simulated_array_end(t->array);
    return end < most ? end : most > t->frame ? most : end;
}

void twin_blocks_prepare(struct twin *t) {
    if (t->prepared || !t->running)
        return;
    if (simulated_array_block(t->array, next_end(t), t->epoch_frame, &t->block) != STATUS_OK) {
        log_error("no memory for a block of records: it is lost");
        t->block = (struct dastard_block){0};
    }
    t->prepared = true;
}

static bool is_dropped(struct twin *t, int64_t begun) {
    const double at = t->serve->drop_after_s;
    if (t->dropped || at <= 0 || twin_blocks_s(t) < at)
        return false;
    t->dropped = true;
    t->drops++;
    dastard_files_drop(t->files, t->frame - t->epoch_frame, t->frame - begun);
    dastard_status_tell(t->status, "DATADROP", json_pack("{s:I}", "TotalObserved", (json_int_t)t->drops));
    return true;
}

static void send_block(struct twin *t) {
    const int64_t begun = t->frame;
    twin_blocks_prepare(t);
    t->frame = next_end(t);
    t->prepared = false;
    tell_labels(t, twin_blocks_ns(t, t->frame));
    t->blocks++;
    t->data_s += (double)(t->frame - begun) * t->settings->period_s;
    t->data_MB += (double)(t->frame - begun) * t->channels->n_channels * 2e-6;
    if (!is_dropped(t, begun)) {
        dastard_counter_add(&t->counter, t->block.records, t->block.n);
        for (size_t i = 0; t->serve->frames_go_on > 0 && i < t->block.n; i++)
            t->block.records[i].message.record.trigger_frame += t->epoch_frame;
        dastard_ports_send(t->ports, t->block.records, t->block.n);
        dastard_files_add(t->files, t->block.records, t->block.n, t->blocks, clock_ms());
        t->records += t->block.n;
    }
    const int64_t done = t->frame - t->epoch_frame - (t->channels->n_samples - t->channels->n_presamples) + 1;
    while (done > 0 && dastard_counter_ready(&t->counter, done))
        tell_second(t);
    if (t->frame >= simulated_array_end(t->array)) {
        t->over = true;
        simulate_twin_stop(t);
    }
}

/* ---- the script ---- */

static void follow_script(struct twin *t) {
    const struct serve_settings *s = t->serve;
    const double now = twin_blocks_s(t);
    char error[DASTARD_ERROR];
    if (s->restart_after_s > 0 && now >= s->restart_after_s && !t->restarted && t->running) {
        t->restarted = true;
        simulate_twin_stop(t);
        t->resume_frame = t->frame + frames_of(t, restart_pause_s);
    }
    if (t->resume_frame != NEVER && t->frame >= t->resume_frame && t->ports != NULL) {
        t->resume_frame = NEVER;
        if (!simulate_twin_start(t, error))
            log_warning("the source did not start again: %s", error);
    }
    if (s->vanish_after_s > 0 && now >= s->vanish_after_s && !t->vanished) {
        t->vanished = true;
        t->dying = true;
    }
    if (s->for_s > 0 && now >= s->for_s)
        t->quit = true;
}

void twin_blocks_send(struct twin *t) {
    if (t->running)
        send_block(t);
    else
        t->frame += t->block_frames;
    follow_script(t);
}
