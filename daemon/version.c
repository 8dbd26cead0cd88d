#include "daemon/version.h"

#ifndef TESD_VERSION
#define TESD_VERSION "unknown"
#endif
#ifndef TESD_GIT_ID
#define TESD_GIT_ID "unknown"
#endif

const char *tesd_version(void) { return TESD_VERSION; }

const char *tesd_git_id(void) { return TESD_GIT_ID; }
