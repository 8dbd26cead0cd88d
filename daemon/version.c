#include "daemon/version.h"

const char version_number[] = TESD_VERSION;
const char version_git_id[] = TESD_GIT_ID;
const char version_text[] = "tesd " TESD_VERSION " (" TESD_GIT_ID ")";
