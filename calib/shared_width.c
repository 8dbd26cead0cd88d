#include "calib/shared_width.h"

#include <math.h>
#include <stdbool.h>

enum { STEPS = 12 };
static const double LARGEST_STEP = 0.4;        /* of ln width */
static const double SETTLED = 0.03;            /* of its error */
static const double LEAST_INFORMATION = 9;     /* known to a third */
static const double REACH = 1.3862943611198906;  /* ln 4 */

struct wish {
    double slope, information;
    size_t fitted;
};

static struct wish fit_all(struct shared_line *lines, size_t n, double fwhm_eV) {
    struct wish w = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        struct shared_line *l = &lines[i];
        l->request.fixed_fwhm = true;
        l->request.start_fwhm_eV = fwhm_eV * l->scale;
        l->status = line_fit(&l->request, &l->fit);
        if (l->status != STATUS_OK)
            continue;
        w.slope += l->fit.width_slope;
        w.information += fmax(l->fit.width_information, 0);
        w.fitted++;
    }
    return w;
}

/* The width's own error, carried into what is known of the line. */
static void add_width_error(struct line_fit *f, double variance) {
    const double per_width[3] = {f->centre_per_width, f->gauss_fwhm_eV, f->counts_per_width};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            f->covariance[i][k] += per_width[i] * per_width[k] * variance;
    f->centre_sigma_eV = sqrt(f->covariance[0][0]);
    f->gauss_fwhm_sigma_eV = sqrt(f->covariance[1][1]);
    f->counts_sigma = sqrt(f->covariance[2][2]);
}

static struct wish climb(struct shared_line *lines, size_t n, double *at) {
    double low = *at - REACH, high = *at + REACH;
    struct wish w = fit_all(lines, n, exp(*at));
    for (int i = 0; i < STEPS && w.information > 0; i++) {
        double step = w.slope / w.information, next = fmin(fmax(*at + fmin(fmax(step, -LARGEST_STEP), LARGEST_STEP), low), high);
        if (fabs(next - *at) * sqrt(w.information) < SETTLED)
            break;
        *at = next;
        w = fit_all(lines, n, exp(*at));
    }
    return w;
}

enum status shared_width_fit(struct shared_line *lines, size_t n, double start_fwhm_eV, struct shared_width *out) {
    double at = log(start_fwhm_eV);
    struct wish w = climb(lines, n, &at);
    bool known = w.information > LEAST_INFORMATION;
    if (!known)
        w = fit_all(lines, n, start_fwhm_eV);
    if (w.fitted == 0)
        return STATUS_TOO_FEW;
    *out = known ? (struct shared_width){exp(at), exp(at) / sqrt(w.information)} : (struct shared_width){start_fwhm_eV, 0};
    for (size_t i = 0; i < n && known; i++)
        if (lines[i].status == STATUS_OK)
            add_width_error(&lines[i].fit, 1 / w.information);
    return STATUS_OK;
}
