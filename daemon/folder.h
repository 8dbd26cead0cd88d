/* daemon/folder.h - making a folder with all above it. */
#ifndef TESD_DAEMON_FOLDER_H
#define TESD_DAEMON_FOLDER_H

#include <stdbool.h>

bool folder_make(const char *path);   /* true when it is there afterwards; else errno says why not */

#endif
