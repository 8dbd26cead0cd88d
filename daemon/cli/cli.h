/* daemon/cli/cli.h - the subcommands: each parses its own arguments, calls, prints, and returns an enum exit_code.
 * argv[0] is "tesd NAME" for messages and --help. A new command: a file daemon/cli/NAME.c, a line here, a row in daemon/main.c. */
#ifndef TESD_DAEMON_CLI_CLI_H
#define TESD_DAEMON_CLI_CLI_H

int cmd_bench(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);
int cmd_check_config(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_monitor(int argc, char **argv);
int cmd_recover(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_simulate(int argc, char **argv);
int cmd_web(int argc, char **argv);

#endif
