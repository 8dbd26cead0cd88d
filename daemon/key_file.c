#include "daemon/key_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

static bool is_name(const char *text) {
    for (const char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
            return false;
    return text[0] != '\0' && text[0] != '.' && strlen(text) < KEY_NAME;
}

static bool is_key(const char *text) {
    uint8_t raw[32];
    return strlen(text) == KEY_TEXT - 1 && zmq_z85_decode(raw, text) != NULL;
}

bool key_file_date(const char *text, int64_t *expires_s) {
    struct tm day = { 0 };
    char end;
    if (sscanf(text, "%4d-%2d-%2d%c", &day.tm_year, &day.tm_mon, &day.tm_mday, &end) != 3 || strlen(text) != 10)
        return false;
    if (day.tm_year < 1970 || day.tm_mon < 1 || day.tm_mon > 12 || day.tm_mday < 1 || day.tm_mday > 31)
        return false;
    day.tm_year -= 1900;
    day.tm_mon -= 1;
    *expires_s = (int64_t)timegm(&day) + 86400;
    return true;
}

/* One line, without its end; blanks around word and value are gone. */
static bool take_line(char *line, struct key_file *k) {
    char *colon = strchr(line, ':');
    if (line[0] == '\0' || line[0] == '#')
        return true;
    if (colon == NULL)
        return false;
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (strcmp(line, "name") == 0 && is_name(value))
        return snprintf(k->name, sizeof k->name, "%s", value) > 0;
    if (strcmp(line, "public-key") == 0 && is_key(value))
        return snprintf(k->public_key, sizeof k->public_key, "%s", value) > 0;
    if (strcmp(line, "secret-key") == 0 && is_key(value))
        return snprintf(k->secret_key, sizeof k->secret_key, "%s", value) > 0;
    return strcmp(line, "expires") == 0 && key_file_date(value, &k->expires_s);
}

bool key_file_parse(const char *bytes, size_t n, struct key_file *out, char why[KEY_WHY]) {
    struct key_file k = { .expires_s = INT64_MAX };
    char line[256];
    unsigned number = 0;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(bytes + at, '\n', n - at);
        size_t length = end != NULL ? (size_t)(end - bytes) - at : n - at, keep = length;
        number++;
        while (keep > 0 && strchr(" \t\r", bytes[at + keep - 1]) != NULL && bytes[at + keep - 1] != '\0')
            keep--;
        bool good = keep < sizeof line && memchr(bytes + at, '\0', keep) == NULL;
        memcpy(line, bytes + at, good ? keep : 0);
        line[good ? keep : 0] = '\0';
        if (!good || !take_line(line, &k)) {
            snprintf(why, KEY_WHY, "line %u is none of name, public-key, secret-key (40 characters) and expires (YYYY-MM-DD)", number);
            return false;
        }
        at += length + 1;
    }
    if (k.public_key[0] == '\0' || k.name[0] == '\0') {
        snprintf(why, KEY_WHY, "has no %s; 'tesd keygen' makes a key", k.name[0] == '\0' ? "name" : "public-key");
        return false;
    }
    *out = k;
    return true;
}

bool key_file_read(const char *path, struct key_file *out, char why[KEY_WHY]) {
    char bytes[KEY_FILE_LIMIT];
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        snprintf(why, KEY_WHY, "%s", strerror(errno));
        return false;
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    if (n == sizeof bytes) {
        snprintf(why, KEY_WHY, "is no key: it is too long");
        return false;
    }
    return key_file_parse(bytes, n, out, why);
}

/* ---- writing ---- */

static bool write_text(const char *path, mode_t mode, const char *text, char why[KEY_WHY]) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (!good)
        snprintf(why, KEY_WHY, "%.120s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return good;
}

bool key_file_write(const char *folder, const struct key_file *key, char why[KEY_WHY]) {
    char path[PATH_MAX], text[512], expires[40] = "";
    if (!is_name(key->name)) {
        snprintf(why, KEY_WHY, "'%.40s' is no name for a key: letters, digits, dots, - and _", key->name);
        return false;
    }
    if (key->expires_s != INT64_MAX) {
        time_t last = (time_t)key->expires_s - 1;
        struct tm day;
        strftime(expires, sizeof expires, "expires: %Y-%m-%d\n", gmtime_r(&last, &day));
    }
    snprintf(path, sizeof path, "%s/%s.secret", folder, key->name);
    snprintf(text, sizeof text, "# tesd key: keep this file to yourself\nname: %s\npublic-key: %s\nsecret-key: %s\n%s", key->name, key->public_key, key->secret_key, expires);
    if (!write_text(path, 0600, text, why))
        return false;
    snprintf(path, sizeof path, "%s/%s.key", folder, key->name);
    snprintf(text, sizeof text, "# tesd key, the part for others\nname: %s\npublic-key: %s\n%s", key->name, key->public_key, expires);
    return write_text(path, 0644, text, why);
}
