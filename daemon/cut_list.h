/* daemon/cut_list.h - emission spectra and cuts of maps that are made beside those that always are.   "feature=530.5:531.5, dd=1:5" --> windows
 * Named windows in eV: over incident energies for an emission spectrum (XES), over emission energies for a constant-emission cut (CEE) and an
 * inverse PFY (IPFY), over losses for a constant-loss cut (CET); calib/scan_cuts.h says what becomes of them. Plain values. */
#ifndef TESD_DAEMON_CUT_LIST_H
#define TESD_DAEMON_CUT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "calib/yield_region.h"

enum cut_kind { CUT_XES, CUT_CEE, CUT_CET, CUT_IPFY };
enum { CUT_LIST_MAX = 64 };

struct cut_list {
    uint32_t n;
    enum cut_kind kind[CUT_LIST_MAX];
    struct yield_region window[CUT_LIST_MAX];   /* no two of a kind have one name, and none is called "all" */
    struct yield_region background[CUT_LIST_MAX];   /* of an inverse PFY: beside its line, without a name; lo = hi: none */
};

/* "Co_L=763:800": a name of letters, digits and _, LO below HI. False with what is wrong in why (n bytes). */
bool cut_window_parse(const char *text, struct yield_region *out, char *why, size_t n);
/* One more. The same, but an inverse PFY may have the window of its background behind its own: "O=505:535-540:560". */
bool cut_list_add(struct cut_list *list, enum cut_kind kind, const char *text, char *why, size_t n);
/* All windows of a text, with commas or blanks between them; an empty text adds none. The same. */
bool cut_list_parse(struct cut_list *list, enum cut_kind kind, const char *text, char *why, size_t n);

#endif
