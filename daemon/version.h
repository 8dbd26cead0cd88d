/* daemon/version.h - which program this is; compiled in by the Makefile, into daemon/version.c only. */
#ifndef TESD_DAEMON_VERSION_H
#define TESD_DAEMON_VERSION_H

extern const char version_number[];  /* "0.1.0" */
extern const char version_git_id[];  /* "df9835a", "df9835a-dirty", "unknown" outside a git checkout */
extern const char version_text[];    /* "tesd 0.1.0 (df9835a)" */

#endif
