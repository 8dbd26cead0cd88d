/* daemon/version.h - which build this is, for messages and for the provenance in files; the Makefile defines both. */
#ifndef TESD_DAEMON_VERSION_H
#define TESD_DAEMON_VERSION_H

const char *tesd_version(void);  /* the release, or "unknown" */
const char *tesd_git_id(void);   /* commit, with -dirty when the tree had changes, or "unknown" */

#endif
