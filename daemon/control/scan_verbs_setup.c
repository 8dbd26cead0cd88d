/* Calibration, and the acquisition's settings as far as the old server made them. */
#include "daemon/control/scan_server_parts.h"

static enum scan_answer calibrated(struct scan_server *s, enum scan_answer a) {
    if (a == SCAN_DONE)
        snprintf(s->calibration_state, sizeof s->calibration_state, "calibrated");
    return a;
}

static enum scan_answer learn(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    enum scan_answer a = scan_verb_wants(s, SCAN_FILE_OPEN, why);
    (void)result;
    if (a == SCAN_DONE && s->session.cal_number < 0)
        return scan_verb_refuse(why, "there is no calibration to learn from: calibration_start first");
    return a != SCAN_DONE ? a : calibrated(s, scan_verb_wish(s, SCAN_WISH_LEARN, json_integer(s->session.cal_number), r, NULL, why));
}

static enum scan_answer load(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    (void)result;
    if (s->session.state == SCAN_NO_FILE)
        return scan_verb_wants(s, SCAN_FILE_OPEN, why);
    return calibrated(s, scan_verb_wish(s, SCAN_WISH_LOAD, NULL, r, NULL, why));
}

static enum scan_answer set_pulse_triggers(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return scan_verb_wish(s, SCAN_WISH_PULSE_TRIGGERS, NULL, r, result, why);
}

static enum scan_answer set_noise_triggers(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return scan_verb_wish(s, SCAN_WISH_NOISE_TRIGGERS, NULL, r, result, why);
}

static enum scan_answer start_lancero(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    return scan_verb_wish(s, SCAN_WISH_START_SOURCE, NULL, r, result, why);
}

static enum scan_answer make_projectors(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const json_t *noise = scan_verb_argument(r, 0), *pulses = scan_verb_argument(r, 1);
    if (!json_is_string(noise) || !json_is_string(pulses))
        return scan_verb_refuse(why, "noise_file and pulse_file must be texts: names of files");
    return scan_verb_wish(s, SCAN_WISH_MAKE_PROJECTORS, json_pack("[O,O]", noise, pulses), r, result, why);
}

static enum scan_answer set_projectors(struct scan_server *s, const struct scan_request *r, json_t **result, char why[SCAN_ERROR]) {
    const json_t *file = scan_verb_argument(r, 0);
    if (file != NULL && !json_is_string(file))
        return scan_verb_refuse(why, "projector_filename must be a text: the name of a file");
    return scan_verb_wish(s, SCAN_WISH_SET_PROJECTORS, file != NULL ? json_deep_copy(file) : NULL, r, result, why);
}

static const struct scan_verb list[] = {
    { { "calibration_learn_from_last_data", { NULL }, 0, false }, true, learn },
    { { "calibration_load_from_disk", { NULL }, 0, false }, true, load },
    { { "set_pulse_triggers", { NULL }, 0, false }, true, set_pulse_triggers },
    { { "set_noise_triggers", { NULL }, 0, false }, true, set_noise_triggers },
    { { "start_lancero", { NULL }, 0, false }, true, start_lancero },
    { { "make_projectors", { "noise_file", "pulse_file" }, 2, false }, true, make_projectors },
    { { "set_projectors", { "projector_filename" }, 0, false }, true, set_projectors },
};
const struct scan_verbs scan_verbs_setup = { list, sizeof list / sizeof *list };
