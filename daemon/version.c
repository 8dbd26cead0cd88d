#include "daemon/version.h"

#include <string.h>

#ifndef TESD_VERSION
#define TESD_VERSION "unknown"
#endif

const char *tesd_version(void) { return TESD_VERSION; }

const char *tesd_git_id(void) {
    const char *after_tag = strstr(TESD_VERSION, "-g");
    return after_tag ? after_tag + 2 : TESD_VERSION;
}
