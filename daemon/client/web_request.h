/* daemon/client/web_request.h - what a browser said over its WebSocket, as a text from outside.
 *   "next" | {"next": ["scan 4", "detail/17/"]} | {"method": "roi_set", ...} --web_request_read--> kind, wants
 * What a browser wants beside the states that all get are the maps of a set (its name), the details of a pixel (their topic) and the states of all pixels
 * ("pixel/"). Anything that is none of these is refused with a reason; of methods of the control port only those that the page needs are let through. No I/O. */
#ifndef TESD_DAEMON_CLIENT_WEB_REQUEST_H
#define TESD_DAEMON_CLIENT_WEB_REQUEST_H

#include <stddef.h>

enum { WEB_REQUEST_BYTES = 16384, WEB_WANTS = 40, WEB_WANT_TEXT = 200 };

enum web_request_kind { WEB_NEXT, WEB_CONTROL, WEB_REFUSED };

struct web_request {
    enum web_request_kind kind;
    const char *why;                             /* refused: in words */
    unsigned n_wants;                            /* next: at most WEB_WANTS, longer lists are refused */
    char wants[WEB_WANTS][WEB_WANT_TEXT];        /* none empty, none twice */
};

void web_request_read(const char *bytes, size_t n, struct web_request *out);

/* n of "detail/<n>/"; -1: it is no such topic. */
int web_request_pixel(const char *want);

#endif
