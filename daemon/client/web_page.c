#include "daemon/client/web_page.h"

#include "daemon/packed_text.h"

#define HERE(name) PACKED_FILE("daemon/client/page/" name)

__asm__(PACKED_SECTION
        PACKED_BEGINS("web_page_html") HERE("page.html") PACKED_ENDS
        PACKED_BEGINS("web_page_style") HERE("uplot/uPlot.min.css") PACKED_TEXT("\n") HERE("page.css") PACKED_ENDS
        PACKED_BEGINS("web_page_script")
        HERE("state.js") PACKED_TEXT("/*\n") HERE("uplot/LICENSE") PACKED_TEXT("*/\n") HERE("uplot/uPlot.iife.min.js") PACKED_TEXT("\n")
        HERE("sums.js") HERE("frame.js") HERE("curve.js") HERE("paint.js") HERE("map.js") HERE("compare.js") HERE("repeats.js") HERE("array.js") HERE("page.js")
        PACKED_ENDS
        PACKED_SECTION_ENDS);
