/* daemon/client/web_page.h - the files of the page of `tesd web` (daemon/client/page), compiled in: NUL-terminated texts.
 * Curves are drawn by our own canvas (page/curve.js) and not by uPlot (MIT, 51 kB), which was weighed: maps, their cuts, the array and the colour bars need frames,
 * ticks and units on canvases of their own anyway, and cuts must share their map's axes to the pixel; error bars, marks that differ without colour, readouts
 * and one picture to save would all be drawing of ours in uPlot's hooks; and it is in no package archive, so a minified copy that nothing here can rebuild would
 * have to lie in the tree. What speaks for it, speed, was measured instead (tests/browser/test_page.py): the whole page takes a sixth of a core. */
#ifndef TESD_DAEMON_CLIENT_WEB_PAGE_H
#define TESD_DAEMON_CLIENT_WEB_PAGE_H

extern const char web_page_html[], web_page_style[], web_page_script[];

#endif
