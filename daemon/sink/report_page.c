#include "daemon/sink/report_page.h"

#include "daemon/packed_text.h"

#define HERE(name) PACKED_FILE("daemon/sink/report/" name)

__asm__(PACKED_SECTION
        PACKED_BEGINS("report_page_html") HERE("page.html") PACKED_ENDS
        PACKED_BEGINS("report_page_style") HERE("page.css") PACKED_ENDS
        PACKED_BEGINS("report_page_script")
        HERE("data.js") HERE("chart.js") HERE("array.js") HERE("lines.js") HERE("head.js") HERE("verdicts.js")
        HERE("spectrum.js") HERE("curve.js") HERE("pixel.js") HERE("page.js")
        PACKED_ENDS
        PACKED_SECTION_ENDS);
