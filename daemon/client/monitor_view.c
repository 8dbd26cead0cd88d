#include "daemon/client/monitor_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/client/stream_yield.h"
#include "daemon/client/text_plot.h"
#include "daemon/json_value.h"

enum { STALE_MS = 3000, LINE_TEXT = 1024, PLOT_MOST = 24, WORST = 5, SMALL_TEXT = 44 };

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* ---- lines that fit ---- */

struct page { const struct monitor_screen *screen; FILE *to; unsigned lines, width, height; };

/* Bytes of the first n characters of UTF-8; what follows a character's first byte begins with 10. */
static size_t bytes_of(const char *text, unsigned n) {
    size_t k = 0;
    for (unsigned c = 0; text[k] != '\0'; k++)
        if (((unsigned char)text[k] & 0xC0) != 0x80 && c++ == n)
            break;
    return k;
}

/* Names of samples may hold anything: control characters could reprogram the terminal. */
static void make_printable(char *text, bool utf8) {
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 127 || (!utf8 && (unsigned char)*c > 126))
            *c = '?';
}

__attribute__((format(printf, 3, 4))) static void line(struct page *p, const char *colour, const char *format, ...) {
    char text[LINE_TEXT];
    if (p->lines == p->height)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    make_printable(text, p->screen->utf8);
    text[bytes_of(text, p->width)] = '\0';
    bool coloured = p->screen->colour && colour != NULL;
    fprintf(p->to, "%s%s%s\n", coloured ? colour : "", text, coloured ? "\033[0m" : "");
    p->lines++;
}

static const char *const bold = "\033[1m", *const red = "\033[1;31m", *const dim = "\033[2m";

/* ---- the parts of the screen ---- */

static void head(struct page *p, const struct subscriber *s, const struct stream_state *hb, int64_t now_ms) {
    int64_t silence = subscriber_silence_ms(s, now_ms);
    int64_t interval = hb != NULL ? stream_state_integer(hb, "interval_ms", 1000) : 1000;
    if (silence < 0)
        line(p, red, "tesd monitor  %s  nothing heard yet: is tesd running, and is stream.endpoint this one?", p->screen->endpoint);
    else if (silence > 3 * interval && silence > STALE_MS)
        line(p, red, "tesd monitor  %s  SILENT for %.0f s: what follows is what was said last", p->screen->endpoint, (double)silence * 1e-3);
    else
        line(p, bold, "tesd monitor  %s  %s, heard %.1f s ago", p->screen->endpoint, hb != NULL ? stream_state_text(hb, "state") : "", (double)silence * 1e-3);
}

static void scan_line(struct page *p, const struct stream_state *hb) {
    const char *cal = stream_state_text(hb, "cal");
    int64_t scan = stream_state_integer(hb, "scan", -1), point = stream_state_integer(hb, "point", -1), n = stream_state_integer(hb, "n_points", 0);
    if (scan < 0)
        line(p, NULL, "no scan                                    calibration %s", cal[0] != '\0' ? cal : "none");
    else if (n > 0)
        line(p, NULL, "scan %" PRId64 "  %s  %s  point %" PRId64 " of %" PRId64 "    calibration %s", scan, stream_state_text(hb, "sample"), stream_state_text(hb, "label"), point + 1, n,
             cal[0] != '\0' ? cal : "none");
    else
        line(p, NULL, "scan %" PRId64 "  %s  %s  point %" PRId64 "    calibration %s", scan, stream_state_text(hb, "sample"), stream_state_text(hb, "label"), point + 1,
             cal[0] != '\0' ? cal : "none");
}

static double number_in(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void loss_line(struct page *p, const struct stream_state *hb) {
    const json_t *lost = json_object_get(hb->header, "lost"), *fraction = json_object_get(hb->header, "loss_fraction");
    double upstream = number_in(lost, "upstream"), queue = number_in(lost, "queue"), rejected = number_in(lost, "rejected");
    char share[32] = "share unknown";
    if (json_is_number(fraction))
        snprintf(share, sizeof share, "%.3g %%", 100 * json_number_value(fraction));
    line(p, upstream + queue + rejected > 0 ? red : NULL, "lost: upstream %.0f  queue %.0f  rejected %.0f  (%s)", upstream, queue, rejected, share);
}

static void rate_line(struct page *p, const struct stream_state *hb) {
    const json_t *rates = json_object_get(hb->header, "rates");
    char text[LINE_TEXT] = "per second:";
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)rates, key, v) {
        size_t n = strlen(text);
        if (json_is_number(v) && n + 48 < sizeof text)
            snprintf(text + n, sizeof text - n, "  %.24s %.4g", key, json_number_value(v));
    }
    line(p, dim, "%s", text);
}

static void alarm_lines(struct page *p, const struct subscriber *s) {
    for (size_t k = 0; k < subscriber_topics(s); k++) {
        const struct stream_state *state = subscriber_state(s, k);
        if (!begins(state->topic, "alarm/"))
            continue;
        size_t i;
        json_t *a;
        json_array_foreach(json_object_get(state->header, "alarms"), i, a) {
            const char *level = json_string_value(json_object_get(a, "level")), *text = json_string_value(json_object_get(a, "text"));
            line(p, red, "%s: %s", level != NULL ? level : "alarm", text != NULL ? text : "");
        }
    }
}

static void plot_rows(struct page *p, const double *cells, size_t n_cells, double top, unsigned rows) {
    for (unsigned r = 0; r < rows && p->lines < p->height; r++, p->lines++) {
        text_plot_row(p->to, cells, n_cells, top, r, rows, p->screen->utf8);
        fputc('\n', p->to);
    }
}

/* Columns of the state's yield between lo and hi; malloc'ed, NULL: no memory. */
static double *columns_of(const struct stream_state *s, struct stream_yield_facts f, size_t n_cells) {
    const struct data_array *y = stream_state_array(s, "yield"), *x = stream_state_array(s, "incident_energy");
    size_t n = (size_t)y->shape[0];
    double *values = calloc(2 * n + n_cells + 1, sizeof *values);
    if (values == NULL)
        return NULL;
    for (size_t k = 0; k < n; k++) {
        values[n_cells + k] = stream_state_value(x, k);
        values[n_cells + n + k] = stream_state_value(y, k);
    }
    text_plot_columns(values + n_cells, values + n_cells + n, n, f.lo, f.hi, values, n_cells);
    return values;
}

static void large_plot(struct page *p, const struct stream_state *s, unsigned rows) {
    struct stream_yield_facts f = stream_yield_facts(s);
    line(p, bold, "%s: %.0f counts, highest %.4g +- %.2g at %.2f", stream_state_text(s, "title"), f.counts, f.top, f.top_error, f.at);
    if (!(f.lo <= f.hi))
        return;
    double *cells = columns_of(s, f, p->width);
    if (cells != NULL)
        plot_rows(p, cells, p->width, f.top, rows);
    free(cells);
    char left[40], right[40];
    snprintf(left, sizeof left, "%.2f", f.lo);
    int n = snprintf(right, sizeof right, "%.2f eV", f.hi);
    line(p, dim, "%-*s%s", (int)p->width - n, left, right);
}

static void small_plot(struct page *p, const struct stream_state *state) {
    unsigned left = p->width > SMALL_TEXT + 2 ? SMALL_TEXT : p->width - 2;
    char name[STREAM_REGION_TEXT], text[LINE_TEXT];
    struct stream_yield_facts f = stream_yield_facts(state);
    stream_yield_region(state, name);
    snprintf(text, sizeof text, "%-10.10s %8.0f counts, max at %7.2f ", name, f.counts, f.at);
    make_printable(text, p->screen->utf8);
    fprintf(p->to, "%-*.*s", (int)left, (int)left, text);
    double *cells = f.lo <= f.hi ? columns_of(state, f, p->width - left) : NULL;
    if (cells != NULL)
        text_plot_row(p->to, cells, p->width - left, f.top, 0, 1, p->screen->utf8);
    free(cells);
    fputc('\n', p->to);
    p->lines++;
}

/* ---- pixels ---- */

static double lost_of(const struct stream_state *s) { return number_in(s->header, "lost"); }

/* Pixels with a verdict other than good, or that lost records. */
static bool is_bad(const struct stream_state *s) {
    return begins(s->topic, "pixel/") && (!begins(stream_state_text(s, "verdict"), "good") || lost_of(s) > 0);
}

/* Those that lost most come first, then as they are numbered. */
static bool is_worse(const struct stream_state *a, const struct stream_state *b) {
    const double x = lost_of(a), y = lost_of(b);
    return x > y || (!(x < y) && strtol(a->topic + strlen("pixel/"), NULL, 10) < strtol(b->topic + strlen("pixel/"), NULL, 10));
}

/* The worst of those behind `after` (NULL: of all); NULL: there is none. */
static const struct stream_state *next_worst(const struct subscriber *s, const struct stream_state *after) {
    const struct stream_state *worst = NULL;
    for (size_t k = 0; k < subscriber_topics(s); k++) {
        const struct stream_state *x = subscriber_state(s, k);
        if (is_bad(x) && (after == NULL || is_worse(after, x)) && (worst == NULL || is_worse(x, worst)))
            worst = x;
    }
    return worst;
}

static unsigned count_pixels(const struct subscriber *s, unsigned *bad) {
    unsigned n = 0;
    *bad = 0;
    for (size_t k = 0; k < subscriber_topics(s); k++) {
        n += begins(subscriber_state(s, k)->topic, "pixel/");
        *bad += is_bad(subscriber_state(s, k));
    }
    return n;
}

static void pixel_lines(struct page *p, const struct subscriber *s) {
    unsigned bad, n = count_pixels(s, &bad), shown = 0;
    if (n == 0)
        return;
    line(p, bad > 0 ? bold : NULL, "pixels: %u of %u good%s", n - bad, n, bad > 0 ? "; not good:" : "");
    const unsigned room = p->height > p->lines + 1 ? p->height - p->lines - 1 : 0, most = room > WORST ? room : WORST;   /* a line for those left */
    for (const struct stream_state *x = next_worst(s, NULL); x != NULL && shown < most; x = next_worst(s, x), shown++) {
        const double lost = lost_of(x);
        line(p, NULL, "  %-8s %6.2f /s  lost %-6.0f %s  %s", stream_state_text(x, "name"), number_in(x->header, "rate_per_s"), isfinite(lost) ? lost : 0, stream_state_text(x, "verdict"),
             stream_state_text(x, "reason"));
    }
    if (bad > shown)
        line(p, dim, "  and %u more", bad - shown);
}

void monitor_view_text(const struct subscriber *s, int64_t now_ms, const struct monitor_screen *screen, FILE *to) {
    struct page p = { .screen = screen, .to = to, .width = screen->width < 40 ? 40 : screen->width, .height = screen->height < 10 ? 10 : screen->height };
    const struct stream_state *hb = subscriber_find(s, "hb/");
    const struct stream_yields all = stream_yields_of(s);
    const struct stream_state *yield = stream_yields_find(&all, screen->region);
    head(&p, s, hb, now_ms);
    if (hb != NULL) {
        scan_line(&p, hb);
        loss_line(&p, hb);
        rate_line(&p, hb);
    }
    alarm_lines(&p, s);
    unsigned bad, pixels = count_pixels(s, &bad), below = pixels > 0 ? (bad < WORST ? bad : WORST + 1) + 1 : 0;
    unsigned room = p.height > p.lines + below ? p.height - p.lines - below : 0;
    if (yield != NULL && room > 4) {
        unsigned rows = room / 2 < PLOT_MOST ? room / 2 : PLOT_MOST;
        large_plot(&p, yield, rows);
        unsigned last = p.lines + room - rows - 2;
        for (size_t k = 0; k < all.n && p.lines < last && p.lines < p.height; k++)
            if (all.list[k] != yield)
                small_plot(&p, all.list[k]);
    } else if (yield == NULL && hb != NULL) {
        line(&p, dim, "no spectrum yet");
    }
    pixel_lines(&p, s);
}

/* ---- for programs ---- */

static json_t *array_values(const struct data_array *a) {
    json_t *list = json_array();
    for (uint64_t k = 0; a != NULL && k < data_array_elements(a); k++)
        json_array_append_new(list, json_value_number(stream_state_value(a, k)));
    return list;
}

static json_t *yield_json(const struct stream_state *s) {
    struct stream_yield_facts f = stream_yield_facts(s);
    char name[STREAM_REGION_TEXT];
    stream_yield_region(s, name);
    return json_pack("{s:s,s:s,s:O*,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "region", name, "title", stream_state_text(s, "title"), "roi_eV", json_object_get(s->header, "roi_eV"),
                     "total_counts", json_value_number(f.counts), "highest", json_value_number(f.top), "highest_at", json_value_number(f.at), "incident_energy",
                     array_values(stream_state_array(s, "incident_energy")), "yield", array_values(stream_state_array(s, "yield")), "yield_errors",
                     array_values(stream_state_array(s, "yield_errors")), "counts", array_values(stream_state_array(s, "counts")));
}

static void add_heartbeat(json_t *all, const struct stream_state *hb) {
    static const char *const keys[] = { "boot", "run", "state", "cal", "scan", "point", "sample", "label", "n_points", "t_ns", "lost", "loss_fraction", "rates", "queue" };
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (json_object_get(hb->header, keys[k]) != NULL)
            json_object_set(all, keys[k], json_object_get(hb->header, keys[k]));
}

json_t *monitor_view_json(const struct subscriber *s, int64_t now_ms, const char *endpoint) {
    json_t *all = json_object(), *pfy = json_array(), *pixels = json_array(), *alarms = json_array();
    int64_t silence = subscriber_silence_ms(s, now_ms);
    const struct stream_state *hb = subscriber_find(s, "hb/");
    json_object_set_new(all, "endpoint", json_value_text(endpoint));
    json_object_set_new(all, "silence_s", silence < 0 ? json_null() : json_real((double)silence * 1e-3));
    if (hb != NULL)
        add_heartbeat(all, hb);
    for (size_t k = 0; k < subscriber_topics(s); k++) {
        const struct stream_state *state = subscriber_state(s, k);
        if (stream_yield_is(state))
            json_array_append_new(pfy, yield_json(state));
        else if (begins(state->topic, "pixel/"))
            json_array_append(pixels, state->header);
        else if (begins(state->topic, "alarm/") && json_is_array(json_object_get(state->header, "alarms")))
            json_array_extend(alarms, json_object_get(state->header, "alarms"));
    }
    json_object_set_new(all, "alarms", alarms);
    json_object_set_new(all, "pfy", pfy);
    json_object_set_new(all, "pixels", pixels);
    return all;
}
