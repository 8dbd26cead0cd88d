/* daemon/client/web_page.h - the files of the page of `tesd web` (daemon/client/page), compiled in: NUL-terminated texts.
 * Curves are uPlot's (page/uplot, MIT; its licence is in the script that is sent). Maps, their cuts, the array and colour bars are canvases of our own (page/frame.js,
 * paint.js): uPlot draws lines, and the cuts beside a map share its axes to the pixel and its picture when it is saved. */
#ifndef TESD_DAEMON_CLIENT_WEB_PAGE_H
#define TESD_DAEMON_CLIENT_WEB_PAGE_H

extern const char web_page_html[], web_page_style[], web_page_script[];

#endif
