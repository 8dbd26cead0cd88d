#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/client/monitor_view.h"
#include "daemon/client/stream_yield.h"
#include "daemon/client/subscriber.h"
#include "tests/daemon/made_message.h"

static const double yields[3] = { 1, 4, 2 };
static const uint32_t counts[3] = { 10, 40, 20 };

static struct subscriber *listening(void) {
    struct subscriber *s;
    assert_true(subscriber_new("inproc://nobody", NULL, NULL, 0, &s));
    return s;
}

static bool take(struct subscriber *s, struct made_message m, int64_t now_ms) {
    bool is_new = subscriber_take(s, m.frames, m.n, now_ms);
    free(m.text);
    return is_new;
}

static void newest_state_of_each_topic_is_kept(void **state) {
    (void)state;
    struct subscriber *s = listening();
    assert_int_equal(subscriber_silence_ms(s, 5), -1);
    assert_true(take(s, made_pfy("pfy/O/", "b", 2, yields, counts), 100));
    assert_true(take(s, made_message("hb/", made_header("hb", "b", 1), NULL, 0), 150));
    assert_false(take(s, made_pfy("pfy/O/", "b", 2, yields, counts), 200));   /* sent again */
    assert_false(take(s, made_pfy("pfy/O/", "b", 1, yields, counts), 210));   /* older */
    assert_true(take(s, made_pfy("pfy/O/", "b", 6, yields, counts), 300));
    assert_int_equal(subscriber_topics(s), 2);
    assert_string_equal(subscriber_state(s, 0)->topic, "hb/");
    assert_int_equal(subscriber_find(s, "pfy/O/")->seq, 6);
    assert_null(subscriber_find(s, "pfy/"));
    struct subscriber_counts c = subscriber_counts(s);
    assert_int_equal(c.missed, 3);
    assert_int_equal(c.again, 2);
    assert_int_equal(c.boots, 1);
    assert_int_equal(subscriber_silence_ms(s, 350), 50);
    assert_int_equal(subscriber_age_ms(s, "hb/", 350), 200);
    assert_int_equal(subscriber_age_ms(s, "xes/", 350), -1);
    subscriber_free(s);
}

/* Each new state is given once, wherever it lands among the others. */
static void news_are_given_once(void **state) {
    (void)state;
    struct subscriber *s = listening();
    assert_null(subscriber_news(s));
    take(s, made_pfy("pfy/O/", "b", 1, yields, counts), 1);
    take(s, made_message("hb/", made_header("hb", "b", 1), NULL, 0), 1);
    assert_string_equal(subscriber_news(s)->topic, "hb/");
    assert_string_equal(subscriber_news(s)->topic, "pfy/O/");
    assert_null(subscriber_news(s));
    take(s, made_pfy("pfy/Co/", "b", 1, yields, counts), 2);   /* moves the one behind it */
    assert_string_equal(subscriber_news(s)->topic, "pfy/Co/");
    assert_null(subscriber_news(s));
    take(s, made_pfy("pfy/O/", "b", 1, yields, counts), 3);    /* sent again */
    assert_null(subscriber_news(s));
    take(s, made_pfy("pfy/O/", "b", 2, yields, counts), 3);
    assert_int_equal(subscriber_news(s)->seq, 2);
    take(s, made_pfy("pfy/O/", "other", 1, yields, counts), 4);
    assert_string_equal(subscriber_news(s)->boot, "other");
    assert_null(subscriber_news(s));
    subscriber_free(s);
}

static void a_new_start_of_the_program_forgets_everything(void **state) {
    (void)state;
    struct subscriber *s = listening();
    take(s, made_pfy("pfy/O/", "one", 200, yields, counts), 1);
    take(s, made_pfy("pfy/Co/", "one", 200, yields, counts), 1);
    assert_true(take(s, made_pfy("pfy/O/", "two", 1, yields, counts), 2));
    assert_int_equal(subscriber_topics(s), 1);
    assert_int_equal(subscriber_counts(s).boots, 2);
    subscriber_free(s);
}

static void refusals_are_counted_by_reason(void **state) {
    (void)state;
    struct subscriber *s = listening();
    assert_false(take(s, made_message("no end", made_header("hb", "b", 1), NULL, 0), 1));
    assert_false(take(s, made_message("hb/", json_object(), NULL, 0), 1));
    assert_int_equal(subscriber_counts(s).refused[STREAM_TOPIC], 1);
    assert_int_equal(subscriber_counts(s).refused[STREAM_HEADER], 1);
    assert_int_equal(subscriber_silence_ms(s, 9), -1);
    subscriber_free(s);
}

static void topics_without_end_are_bounded(void **state) {
    (void)state;
    struct subscriber *s = listening();
    for (int k = 0; k < 9000; k++) {
        char topic[32];
        snprintf(topic, sizeof topic, "x/%d/", (k * 7919) % 9001);
        take(s, made_message(topic, made_header("x", "b", 1), NULL, 0), k);
    }
    assert_true(subscriber_topics(s) <= 8192);
    for (size_t k = 1; k < subscriber_topics(s); k++)
        assert_true(strcmp(subscriber_state(s, k - 1)->topic, subscriber_state(s, k)->topic) < 0);
    assert_true(subscriber_counts(s).refused[STREAM_MEMORY] > 0);
    subscriber_free(s);
}

static void yields_come_by_counts(void **state) {
    (void)state;
    struct subscriber *s = listening();
    const uint32_t few[3] = { 1, 0, 0 }, many[3] = { 900, 1, 1 };
    take(s, made_pfy("pfy/A/", "b", 1, yields, few), 1);
    take(s, made_pfy("pfy/B_x/", "b", 1, yields, counts), 1);
    take(s, made_pfy("pfy/tfy/", "b", 1, yields, many), 1);
    struct stream_yields y = stream_yields_of(s);
    assert_int_equal(y.n, 3);
    assert_string_equal(y.list[0]->topic, "pfy/B_x/");
    assert_string_equal(y.list[2]->topic, "pfy/tfy/");
    assert_string_equal(stream_yields_find(&y, "A")->topic, "pfy/A/");
    assert_string_equal(stream_yields_find(&y, "none")->topic, "pfy/B_x/");
    assert_string_equal(stream_yields_next(&y, "B_x")->topic, "pfy/A/");
    assert_string_equal(stream_yields_next(&y, "")->topic, "pfy/A/");
    assert_string_equal(stream_yields_next(&y, "tfy")->topic, "pfy/B_x/");
    struct stream_yield_facts f = stream_yield_facts(y.list[0]);
    assert_true(f.counts == 70 && f.top == 4 && f.top_error == 0.25 && f.at == 531 && f.lo == 530 && f.hi == 533);
    subscriber_free(s);
}

static unsigned characters(const char *line, size_t n) {
    unsigned c = 0;
    for (size_t k = 0; k < n; k++)
        c += ((unsigned char)line[k] & 0xC0) != 0x80;
    return c;
}

static char *view(const struct subscriber *s, int64_t now_ms, unsigned width, unsigned height, bool utf8) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    const struct monitor_screen screen = { .width = width, .height = height, .utf8 = utf8, .endpoint = "tcp://127.0.0.1:5560" };
    monitor_view_text(s, now_ms, &screen, f);
    fclose(f);
    unsigned lines = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1, lines++)
        assert_true(characters(line, (size_t)(end - line)) <= width);
    assert_true(lines <= height);
    return text;
}

static json_t *pixel(int number, const char *verdict, const char *reason) {
    char name[16];
    snprintf(name, sizeof name, "chan%d", number);
    json_t *h = made_header("pixel", "b", 1);
    json_object_update_new(h, json_pack("{s:s,s:f,s:s,s:s,s:i}", "name", name, "rate_per_s", 2.5, "verdict", verdict, "reason", reason, "lost", 0));
    return h;
}

static void the_screen_is_filled_and_never_left(void **state) {
    (void)state;
    struct subscriber *s = listening();
    static const unsigned sizes[][2] = { { 80, 24 }, { 200, 60 }, { 40, 10 } };
    for (size_t k = 0; k < 3; k++)
        free(view(s, 0, sizes[k][0], sizes[k][1], true));
    json_t *hb = made_header("hb", "b", 1), *alarm = made_header("alarm", "b", 1);
    json_object_update_new(hb, json_pack("{s:s,s:s,s:i,s:{s:f},s:i}", "sample", "LiCoO2 \xC2\xB5\033[2J", "label", "SCAN3", "n_points", 243, "rates", "points", 0.8, "interval_ms", 1000));
    json_object_set_new(alarm, "alarms", json_pack("[{s:s,s:s}]", "level", "error", "text", "disk is full"));
    take(s, made_message("hb/", hb, NULL, 0), 0);
    take(s, made_message("alarm/", alarm, NULL, 0), 0);
    take(s, made_pfy("pfy/O/", "b", 1, yields, counts), 0);
    take(s, made_message("pixel/0/", pixel(1, "good", ""), NULL, 0), 0);
    take(s, made_message("pixel/1/", pixel(3, "bad", "no line C"), NULL, 0), 0);
    for (size_t k = 0; k < 3; k++)
        for (int utf8 = 0; utf8 < 2; utf8++) {
            char *text = view(s, 200, sizes[k][0], sizes[k][1], utf8);
            assert_true(sizes[k][0] < 80 || strstr(text, "heard 0.2 s ago") != NULL);
            assert_non_null(strstr(text, "error: disk is full"));
            assert_null(strchr(text, '\033'));
            if (sizes[k][1] > 10) {
                assert_non_null(strstr(text, "70 counts, highest 4 +- 0.25 at 531.00"));
                assert_non_null(strstr(text, "pixels: 1 of 2 good"));
                assert_non_null(strstr(text, "no line C"));
            }
            free(text);
        }
    char *text = view(s, 10000, 80, 24, true);
    assert_non_null(strstr(text, "SILENT for 10 s"));
    free(text);
    subscriber_free(s);
}

static void json_holds_the_spectrum(void **state) {
    (void)state;
    struct subscriber *s = listening();
    take(s, made_pfy("pfy/O/", "b", 1, yields, counts), 0);
    json_t *all = monitor_view_json(s, 2500, "tcp://x"), *pfy = json_array_get(json_object_get(all, "pfy"), 0);
    assert_true(json_real_value(json_object_get(all, "silence_s")) == 2.5);
    assert_string_equal(json_string_value(json_object_get(pfy, "region")), "O");
    assert_true(json_number_value(json_array_get(json_object_get(pfy, "yield"), 1)) == 4);
    assert_true(json_number_value(json_object_get(pfy, "total_counts")) == 70);
    json_decref(all);
    subscriber_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(news_are_given_once),
        cmocka_unit_test(newest_state_of_each_topic_is_kept), cmocka_unit_test(a_new_start_of_the_program_forgets_everything),
        cmocka_unit_test(refusals_are_counted_by_reason),     cmocka_unit_test(topics_without_end_are_bounded),
        cmocka_unit_test(yields_come_by_counts),              cmocka_unit_test(the_screen_is_filled_and_never_left),
        cmocka_unit_test(json_holds_the_spectrum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
