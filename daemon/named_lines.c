#include "daemon/named_lines.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/config_path.h"
#include "daemon/log.h"
#include "daemon/source/file_bytes.h"

enum { TABLE_LIMIT = 1 << 20 };

struct line_table *named_lines(const char *name) {
    char path[CONFIG_PATH];
    uint8_t *text = NULL;
    size_t n;
    struct complaint why = { 0 };
    struct line_table *t = NULL;
    if (strcmp(name, "none") == 0)
        return line_table_none();
    if (!config_path_lines(name, path))
        return NULL;
    enum status s = file_bytes_text(path, TABLE_LIMIT, &text, &n, &why);
    if (s == STATUS_OK) {
        const char *base = strrchr(path, '/');
        s = line_table_parse(base ? base + 1 : path, text, n, &t, &why);
        free(text);
    }
    if (s != STATUS_OK)
        log_error("%s:%u: %s; see config/lines/nslsii-mix.csv for the form", path, why.line, why.text[0] ? why.text : status_text(s));
    return s == STATUS_OK ? t : NULL;
}
