/* daemon/cli/number_option.h - numbers on the command line: one row each; flag, help and check follow from it.
 * row + text --number_option_set--> a double in the caller's settings */
#ifndef TESD_DAEMON_CLI_NUMBER_OPTION_H
#define TESD_DAEMON_CLI_NUMBER_OPTION_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

struct number_option {
    const char *name, *unit;
    double usual, quick;      /* default, and the one under --quick; NAN: the same */
    double lo, hi;
    bool whole;
    size_t offset;            /* of the double in the settings */
    const char *help;
};

enum { NUMBER_HELP = 240 };

/* help: room for the text, which must live as long as the flag. */
struct argp_option number_option_flag(const struct number_option *row, int key, char help[NUMBER_HELP]);

/* Ends the program through argp_error when text is no such number. */
double number_option_value(const struct number_option *row, const char *text, struct argp_state *state);
double *number_option_place(const struct number_option *row, void *settings);

#endif
