/* daemon/version.h - which build this is, for messages and for the provenance in files. */
#ifndef TESD_DAEMON_VERSION_H
#define TESD_DAEMON_VERSION_H

const char *tesd_version(void);  /* as `git describe` gave it to the build: "v1.2-3-gdf9835a-dirty", "df9835a", or "unknown" */
const char *tesd_git_id(void);   /* the commit part of it: "df9835a-dirty" */

#endif
