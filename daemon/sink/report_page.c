/* Paths are those the compiler sees when it is called from the top of the tree, as the Makefile does. */
#include "daemon/sink/report_page.h"

#define TEXT_BEGINS(symbol) ".global " symbol "\n" symbol ":\n"
#define FILE_HERE(name) ".incbin \"daemon/sink/report/" name "\"\n"
#define TEXT_ENDS ".byte 0\n"

__asm__(".pushsection .rodata\n"
        TEXT_BEGINS("report_page_html") FILE_HERE("page.html") TEXT_ENDS
        TEXT_BEGINS("report_page_style") FILE_HERE("page.css") TEXT_ENDS
        TEXT_BEGINS("report_page_script")
        FILE_HERE("data.js") FILE_HERE("chart.js") FILE_HERE("array.js") FILE_HERE("lines.js") FILE_HERE("head.js") FILE_HERE("verdicts.js")
        FILE_HERE("spectrum.js") FILE_HERE("curve.js") FILE_HERE("pixel.js") FILE_HERE("page.js")
        TEXT_ENDS
        ".popsection\n");
