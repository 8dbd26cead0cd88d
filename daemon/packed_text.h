/* daemon/packed_text.h - files compiled in as one NUL-terminated text, at the top level of a source file:
 *   __asm__(PACKED_SECTION PACKED_BEGINS("name") PACKED_FILE("daemon/.../a.js") PACKED_FILE("daemon/.../b.js") PACKED_ENDS PACKED_SECTION_ENDS);
 * with `extern const char name[]` in a header. Paths are those the compiler sees when it is called from the top of the tree, as the Makefile does, which
 * must name the files as what the object depends on. */
#ifndef TESD_DAEMON_PACKED_TEXT_H
#define TESD_DAEMON_PACKED_TEXT_H

#define PACKED_SECTION ".pushsection .rodata\n"
#define PACKED_BEGINS(symbol) ".global " symbol "\n" symbol ":\n"
#define PACKED_FILE(path) ".incbin \"" path "\"\n"
#define PACKED_TEXT(text) PACKED_TEXT_QUOTED(#text)   /* of a quoted text its quotes and escapes are the assembler's */
#define PACKED_TEXT_QUOTED(quoted) ".ascii " quoted "\n"
#define PACKED_ENDS ".byte 0\n"
#define PACKED_SECTION_ENDS ".popsection\n"

#endif
