/* daemon/sink/report_page.h - the files of daemon/sink/report/, compiled in as texts. */
#ifndef TESD_DAEMON_SINK_REPORT_PAGE_H
#define TESD_DAEMON_SINK_REPORT_PAGE_H

extern const char report_page_html[];    /* with a line REPORT-STYLE, REPORT-DATA and REPORT-SCRIPT where the others belong */
extern const char report_page_style[];
extern const char report_page_script[];  /* all scripts, in the order they need each other */

#endif
