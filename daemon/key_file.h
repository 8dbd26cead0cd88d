/* daemon/key_file.h - one key of CURVE on disk, as `tesd keygen` writes it: lines "word: value", # comments.
 *   name: viewer      public-key: 40 characters of Z85      secret-key: the same, in the .secret file alone      expires: YYYY-MM-DD
 * The pair of files NAME.key (may be given away) and NAME.secret (mode 0600). */
#ifndef TESD_DAEMON_KEY_FILE_H
#define TESD_DAEMON_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_TEXT = 41, KEY_NAME = 64, KEY_WHY = 200, KEY_FILE_LIMIT = 4096 };

struct key_file {
    char name[KEY_NAME];
    char public_key[KEY_TEXT], secret_key[KEY_TEXT];   /* "": not in the file */
    int64_t expires_s;                                 /* first second after its last day (UTC), since 1970; INT64_MAX: never */
};

/* False: why says what is wrong and in which line; *out is untouched. */
bool key_file_parse(const char *bytes, size_t n, struct key_file *out, char why[KEY_WHY]);
bool key_file_read(const char *path, struct key_file *out, char why[KEY_WHY]);
/* FOLDER/NAME.key and FOLDER/NAME.secret; neither may be there. */
bool key_file_write(const char *folder, const struct key_file *key, char why[KEY_WHY]);
bool key_file_date(const char *text, int64_t *expires_s);   /* "YYYY-MM-DD" -> the second after that day */

#endif
