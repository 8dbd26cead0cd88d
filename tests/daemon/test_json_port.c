#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/control/json_port.h"

static enum json_request_end echo(void *context, const char *bytes, size_t n, uint64_t ticket, int64_t waited_ms, char **reply) {
    (void)context, (void)ticket, (void)waited_ms;
    *reply = strndup(bytes, n);
    return REQUEST_ANSWERED;
}

static int dial(const struct json_port *p) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)json_port_number(p)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* What comes while the port goes on; "" when it hangs up. */
static void wait_text(struct json_port *p, int fd, char *to, size_t room) {
    for (int k = 0; k < 5000; k++) {
        json_port_step(p);
        ssize_t n = recv(fd, to, room - 1, MSG_DONTWAIT);
        if (n >= 0) {
            to[n] = '\0';
            return;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    fail_msg("nothing came");
}

/* A client that has sent half a request and waits is told so, and is hung up; one that is silent between requests stays. */
static void half_a_request(void **state) {
    (void)state;
    const struct json_port_settings s = { .host = "127.0.0.1", .answer = echo, .rubbish_reply = "half", .patience_ms = 100 };
    struct json_port *p;
    char text[64];
    assert_true(json_port_open(&s, &p));
    int silent = dial(p), half = dial(p);
    assert_int_equal(send(silent, "{} \n", 4, 0), 4);
    wait_text(p, silent, text, sizeof text);
    assert_string_equal(text, "{}");
    assert_int_equal(send(half, "{\"a\": [", 7, 0), 7);
    wait_text(p, half, text, sizeof text);
    assert_string_equal(text, "half");
    wait_text(p, half, text, sizeof text);
    assert_string_equal(text, "");
    assert_int_equal(json_port_counts(p).rubbish, 1);
    assert_int_equal(send(silent, "{\"b\": 1}", 8, 0), 8);
    wait_text(p, silent, text, sizeof text);
    assert_string_equal(text, " \n{\"b\": 1}");
    close(silent);
    close(half);
    json_port_close(p);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(half_a_request) };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
