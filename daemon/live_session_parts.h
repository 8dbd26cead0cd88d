/* daemon/live_session_parts.h - what live_session.c, live_session_set.c and live_session_figures.c share: the book thread's work in all its parts. Private to
 * them. */
#ifndef TESD_DAEMON_LIVE_SESSION_PARTS_H
#define TESD_DAEMON_LIVE_SESSION_PARTS_H

#include <pthread.h>

#include "daemon/calibration_id.h"
#include "daemon/control/scan_link.h"
#include "daemon/live_alarms.h"
#include "daemon/live_beamline.h"
#include "daemon/live_book.h"
#include "daemon/live_choices.h"
#include "daemon/live_recount.h"
#include "daemon/live_repeats.h"
#include "daemon/live_runs.h"
#include "daemon/live_session.h"
#include "daemon/live_status.h"
#include "daemon/model_reading.h"
#include "daemon/pixel_watch.h"
#include "daemon/point_tally.h"
#include "daemon/sink/photon_feed.h"
#include "daemon/sink/publish.h"
#include "daemon/source/status_link.h"
#include "daemon/stamp_watch.h"
#include "daemon/upstream_loss.h"

enum { MAX_RETIRED = 64, MAX_LET_GO = 4, CHOICE_ABANDONED_MS = 2000 };

/* All that belongs to one array and one model. Given up when nobody uses it any more. */
struct live_set {
    struct live_plan plan;
    struct live_array *array;
    struct array_model *model;
    unsigned *users;            /* sets that have this model: the last one frees it */
    struct book_pixel *pixels;
    uint8_t *look;
    struct channel_tally *tally;
    uint8_t *used;
    int references;             /* run files being made */
    uint64_t retired;           /* serial of the plan that followed; 0: in use */
};

struct live_session_work {
    struct options options;
    void *zmq;                  /* context of publisher and control port */
    struct curve_gate *gate;    /* NULL: no keys */
    struct session_links links;
    struct status_link *status_link;
    struct scan_link *scan_link;
    struct live_beamline *beamline;   /* NULL: none */
    struct yield_region configured[OPTIONS_MAX_ROI];   /* windows of the config; options.roi has those that the beamline set as well */
    uint32_t n_configured;
    struct publisher *publisher;
    struct photon_feed *photon_feed;   /* NULL: none */
    struct live_status status;
    struct live_runs *runs;
    struct live_set *set;       /* NULL: no array known */
    struct live_set *retired[MAX_RETIRED];
    unsigned n_retired;
    struct live_book *book;
    struct live_book *replaced; /* its products may still be on their way to the disk */
    struct upstream_loss *loss;
    struct stamp_watch *stamps; /* of the book's array */
    struct publish_lost lost;
    uint64_t serial, model_version, photons, restarts;
    uint64_t array_version;     /* rows of an older model are of another array */
    bool seen_stopped;          /* so we are there from the source's start on */
    bool names_new, triggers_new, ended_published;
    bool label_waits;           /* for the first data, which say when it began */
    struct model_reading *reading, *choice;      /* of the settings' calibration, of a client's choice, from their disks; NULL: none */
    struct model_reading *let_go[MAX_LET_GO];    /* nobody waits for these any more */
    struct stored_model stored;                  /* read, and not in force yet */
    char wanted[OPTIONS_TEXT];                   /* while wanting: the file whose calibration is to be in force as soon as it has been read */
    bool wanting;
    int64_t choice_ms, chosen_ms;                /* when somebody asked for the choice last; when one came into force */
    struct live_choices *listing;
    bool choosing, chosen;      /* a calibration that a client chose: being taken over while a scan runs; in force */
    struct live_recount *recounted;   /* since then rows get their energies here; NULL: from ingest */
    bool handing_over;          /* ingest may still use the model before the one learnt last */
    int64_t names_ms, settle_ms, publish_ms, figures_ms, rows_ms;
    int64_t over_ns;            /* the run's end, while its last records are on their way: nothing behind it is settled; INT64_MAX: none */
    int64_t newest_ns, newest_mono_ns, oldest_unpublished_ns;
    uint64_t unpublished, rows_at_figures;
    uint32_t published_final;
    struct live_alarms alarms;
    struct point_tally *tally;  /* of the newest points, those of calibrations too */
    bool calibrating;           /* the points told are those of a calibration */
    struct live_repeats *repeats;
    int64_t repeats_told_ns;    /* start of the newest scan that is among them */
    struct pixel_watch *watch;  /* NULL: none, or of another array than array_version's */
    uint64_t watch_version, pixels_told;
    int64_t watch_ms, details_ms, room_ms;
    char watched_id[CALIBRATION_ID_TEXT];   /* calibration of the spectra that the watch has */
    char calibration_id[CALIBRATION_ID_TEXT], told_stage[16];
    bool cal_changed;
    json_t *outlook;            /* on the calibration under way; NULL: none */
    pthread_mutex_t lock;       /* of the three below alone */
    struct live_figures figures;
    struct options *reload;     /* NULL: none waits */
    char *losses;
    uint64_t latency[N_LATENCY];
};

/* What maps are made with from now on. */
struct product_settings live_session_products(const struct live_session_work *s);
bool live_session_told_scan(void *session, const struct scan_event *e, const char **why);
struct beamline_session live_session_beamline(struct live_session_work *s);

/* ---- live_session_set.c ---- */
void live_session_set_free(struct live_set *s);                   /* NULL is fine */
void live_session_look_for_array(struct live_session_work *s, int64_t now_ms);   /* the acquisition named another one: it comes into force */
/* Another model for the same array, taken over: ingest takes it between two blocks. The old one stays good when memory is short. */
void live_session_swap_model(struct live_session_work *s, struct array_model *m);
void live_session_take_triggers(struct live_session_work *s);     /* settings of triggers, told anew */
void live_session_free_retired(struct live_session_work *s);
void live_session_close_book(struct live_session_work *s);        /* all is settled, published, kept */

/* ---- live_session.c ---- */
bool live_session_take_rows(struct live_session_work *s);         /* a block of the ring; false: none */
void live_session_publish_scan(struct live_session_work *s, bool force);
void live_session_keep_scans(struct live_session_work *s, bool closing, bool all);
void live_session_begin_run(struct live_session_work *s, bool joined);   /* joined: it was under way when we came */

int64_t live_session_watermark_ns(const struct live_session_work *s);

/* ---- live_session_end.c ---- */
void live_session_run_ends(struct live_session_work *s);          /* its last records may still be on their way; without a run, or when it ends already, fine */
/* They are here: what its scans have by its end is told to the disk as their last, and what follows is settled again. Before live_disk_end. */
void live_session_run_over(struct live_session_work *s);

/* ---- live_session_read.c ---- */
void live_session_read_ahead(struct live_session_work *s);             /* at the start: the settings' calibration, unless its disk is silent. Waits */
bool live_session_calibration_ready(struct live_session_work *s);      /* an array may begin: that is read, or its disk has kept silent for too long */
/* Of the settings' calibration for that array; without energies when its disk is silent: then it comes into force later. False after logging. */
bool live_session_stored_model(struct live_session_work *s, const struct live_array *array, struct array_model **out);
void live_session_want(struct live_session_work *s, const char *file); /* in force as soon as it has been read; "" none */
void live_session_want_nothing(struct live_session_work *s);           /* another one has come into force */
void live_session_take_read(struct live_session_work *s);
/* The first of these that is there, read: *out when done. SCAN_LATER: ask again. */
enum scan_answer live_session_read_choice(struct live_session_work *s, const char *const *paths, size_t n, int64_t waited_ms, struct stored_model *out, char why[SCAN_ERROR]);
enum scan_answer live_session_list(struct live_session_work *s, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);
void live_session_read_done(struct live_session_work *s);              /* waits for what is still being read */

/* ---- live_session_choose.c ---- */
/* That file's calibration from now on, or the choice of that name (live_choices.h); refused: why says what is wrong, and the one before stays in force. Later: until it
 * has been read and, while a scan runs, the scan has been counted anew. waited_ms: 0 when it is asked first. missing: what to say when it is not there. */
enum scan_answer live_session_choose(struct live_session_work *s, const char *path, const char *missing, int64_t waited_ms, char why[SCAN_ERROR]);
enum scan_answer live_session_choose_name(struct live_session_work *s, const char *name, int64_t waited_ms, char why[SCAN_ERROR]);
void live_session_take_chosen(struct live_session_work *s);
void live_session_forget_choice(struct live_session_work *s);     /* another model is in force, or none */

/* ---- live_session_learn.c ---- */
void live_session_keep_calibration(struct live_session_work *s, int64_t filters_from_ns);   /* a learnt one, beside the run's journal */
void live_session_take_learnt(struct live_session_work *s, int64_t now_ms);
/* live_beamline's: *result is the id of the calibration in force. */
enum scan_answer live_session_learn(void *session, int32_t number, json_t **result, char why[SCAN_ERROR]);
enum scan_answer live_session_load(void *session, int64_t waited_ms, json_t **result, char why[SCAN_ERROR]);

/* ---- live_session_tell.c ---- */
void live_session_tell(struct live_session_work *s, int64_t now_ms);          /* cal/, pixel/<n>/, as they are due */
void live_session_tell_alarms(struct live_session_work *s, int64_t now_ms);   /* alarm/, when the figures are new */
void live_session_tell_repeats(struct live_session_work *s);   /* consistency/, when a scan has become final */
void live_session_tell_rows(struct live_session_work *s, const struct row_block *rows);

/* Every half second: what other threads are told. Book thread. */
void live_session_update_figures(struct live_session_work *s, int64_t now_ms);

#endif
