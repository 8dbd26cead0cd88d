#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/calibration_id.h"
#include "daemon/model_store.h"
#include "tests/daemon/made_folder.h"
#include "tests/daemon/made_table.h"

static struct array_model *made_model(uint64_t seed) {
    struct array_model *m;
    if (!array_model_new(4, 1, &m))
        abort();
    for (int32_t k = 0; k < 4; k++) {
        m->channels[k].channel = 2 * k + 1;
        snprintf(m->channels[k].name, sizeof m->channels[k].name, "chan%d", 2 * k + 1);
    }
    m->tables[0] = made_table(4, &seed);
    return m;
}

/* What a file keeps, and what some of the pixels show, is the same calibration. */
static void the_name_stays(void **state) {
    (void)state;
    char id[CALIBRATION_ID_TEXT], again[CALIBRATION_ID_TEXT];
    struct array_model *m = made_model(5), *back, *some, *view;
    calibration_id(m, id);
    assert_int_equal(strncmp(id, "CAL2-", 5), 0);
    assert_int_equal(strlen(id), 13);
    if (!model_store_save(in_folder("id.h5"), m) || !model_store_load(in_folder("id.h5"), &back))
        abort();
    calibration_id(back, again);
    assert_string_equal(again, id);
    if (!array_model_view(m, (const uint16_t[]){ 1, 3 }, 2, &view))
        abort();
    calibration_id(view, again);
    assert_string_equal(again, id);
    array_model_view_free(view);
    if (!array_model_select(back, (const int32_t[]){ 7, 1 }, 2, &some))
        abort();
    calibration_id(some, again);
    assert_string_equal(again, id);
    array_model_free(some);
    array_model_free(m);
}

static void another_is_another(void **state) {
    (void)state;
    char id[CALIBRATION_ID_TEXT], other[CALIBRATION_ID_TEXT];
    struct array_model *m = made_model(5);
    calibration_id(m, id);
    m->tables[0]->lines[0].residual_eV += 1e-9;
    calibration_id(m, other);
    assert_string_not_equal(other, id);
    m->tables[0]->lines[0].residual_eV -= 1e-9;
    m->tables[0]->start_ns++;
    calibration_id(m, other);
    assert_string_not_equal(other, id);
    array_model_free(m);
    calibration_id(NULL, id);
    assert_string_equal(id, "");
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_name_stays), cmocka_unit_test(another_is_another) };
    return cmocka_run_group_tests(tests, made_folder_new, made_folder_remove);
}
