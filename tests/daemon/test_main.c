/* The program from outside: exit codes and messages. Environment: TESD is its path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/exit_code.h"

struct outcome { int code; char text[16000]; };

/* Shell words after "tesd"; both outputs together. */
static struct outcome run(const char *words) {
    struct outcome o = { .code = -1 };
    char command[1000];
    const char *tesd = getenv("TESD");
    snprintf(command, sizeof command, "'%s' %s 2>&1", tesd ? tesd : "build/tesd", words);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    o.text[fread(o.text, 1, sizeof o.text - 1, pipe)] = '\0';
    int status = pclose(pipe);
    o.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

static void expect(const char *words, int code, const char *part) {
    struct outcome o = run(words);
    if (o.code != code || strstr(o.text, part) == NULL)
        fail_msg("tesd %s: exit %d (wanted %d), said: %s (wanted: %s)", words, o.code, code, o.text, part);
}

static void help_and_version(void **state) {
    (void)state;
    expect("--help", EXIT_GOOD, "check-config");
    expect("--version", EXIT_GOOD, "tesd 0.");
    expect("check-config --help", EXIT_GOOD, "--sample");
    expect("check-config --version", EXIT_GOOD, "tesd 0.");
}

/* Whatever --help lists has a --help of its own. */
static void every_command_has_help(void **state) {
    (void)state;
    struct outcome o = run("--help");
    char *line = strstr(o.text, "commands:\n");
    assert_non_null(line);
    strtok(line, "\n");
    int seen = 0;
    for (line = strtok(NULL, "\n"); line != NULL && line[0] == ' '; line = strtok(NULL, "\n")) {
        char name[64], words[100];
        assert_int_equal(sscanf(line, "%63s", name), 1);
        snprintf(words, sizeof words, "%s --help", name);
        expect(words, EXIT_GOOD, "Usage: tesd ");
        snprintf(words, sizeof words, "%s --no-such-flag", name);
        expect(words, EXIT_USAGE, "no-such-flag");
        seen++;
    }
    assert_true(seen > 0);
}

static void wrong_use_is_2(void **state) {
    (void)state;
    expect("", EXIT_USAGE, "usage:");
    expect("no-such-command", EXIT_USAGE, "no command 'no-such-command'");
    expect("--no-such-flag", EXIT_USAGE, "--help");
    expect("check-config", EXIT_USAGE, "--sample");
    expect("check-config a b", EXIT_USAGE, "one config file");
}

static void bad_config_is_2_with_file_and_line(void **state) {
    (void)state;
    char path[] = "/tmp/tesd-bad-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(dprintf(fd, "rixs:\n  emission_bin_eV: 0\n"), 27);
    close(fd);
    char words[100], place[100];
    snprintf(words, sizeof words, "check-config %s", path);
    snprintf(place, sizeof place, "%s:2: rixs.emission_bin_eV: '0' is not allowed; give 0.01 to 50 eV", path);
    expect(words, EXIT_USAGE, place);
    unlink(path);
    expect(words, EXIT_USAGE, "No such file");
    expect("check-config /", EXIT_USAGE, "Is a directory");
}

static void good_config_is_0(void **state) {
    (void)state;
    expect("check-config config/tesd.yaml", EXIT_GOOD, "good");
    expect("check-config /dev/null", EXIT_GOOD, "good");
}

static void full_disk_is_1(void **state) {
    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    struct outcome o = run("check-config --sample 2>&1 >/dev/full");
    assert_int_equal(o.code, EXIT_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_and_version),
        cmocka_unit_test(every_command_has_help),
        cmocka_unit_test(wrong_use_is_2),
        cmocka_unit_test(bad_config_is_2_with_file_and_line),
        cmocka_unit_test(good_config_is_0),
        cmocka_unit_test(full_disk_is_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
