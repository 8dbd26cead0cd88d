/* daemon/client/web_page.h - the files of the page of `tesd web` (daemon/client/page), compiled in: NUL-terminated texts. */
#ifndef TESD_DAEMON_CLIENT_WEB_PAGE_H
#define TESD_DAEMON_CLIENT_WEB_PAGE_H

extern const char web_page_html[], web_page_style[], web_page_script[];

#endif
