/* daemon/exit_code.h - what a command's exit status means (README, Using it). */
#ifndef TESD_DAEMON_EXIT_CODE_H
#define TESD_DAEMON_EXIT_CODE_H

enum exit_code { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

#endif
