#include "daemon/sink/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/sink/report_page.h"

/* The page's frame, with each placeholder replaced by its text. Placeholders stand in this order. */
static bool write_page(FILE *file, const char *data) {
    const struct { const char *placeholder, *text; } pieces[] = {
        { "REPORT-STYLE", report_page_style }, { "REPORT-DATA", data }, { "REPORT-SCRIPT", report_page_script } };
    const char *rest = report_page_html;
    for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
        const char *at = strstr(rest, pieces[k].placeholder);
        if (!at)
            return false;
        fwrite(rest, 1, (size_t)(at - rest), file);
        fputs(pieces[k].text, file);
        rest = at + strlen(pieces[k].placeholder);
    }
    fputs(rest, file);
    return !ferror(file);
}

static bool write_file(const char *path, const char *part, const char *data) {
    FILE *file = fopen(part, "w");
    bool written = file && write_page(file, data);
    if (file)
        written = fclose(file) == 0 && written;
    if (written && rename(part, path) == 0)
        return true;
    log_error("%s: cannot write the report: %s", path, strerror(errno));
    if (file)
        unlink(part);
    return false;
}

bool report_write(const char *path, const struct report_facts *facts, const struct array_model *m, const struct report_spectra *spectra) {
    char *part = NULL, *data = report_data_text(facts, m, spectra);
    if (asprintf(&part, "%s.part", path) < 0)
        part = NULL;
    bool written = false;
    if (data && part)
        written = write_file(path, part, data);
    else
        log_error("%s: cannot write the report: out of memory", path);
    free(part);
    free(data);
    return written;
}
