"""Counts and live time by the definition alone, from the times of all photons that came: what a perfect detector with these windows would have counted.
Counts of a set of grades are the rate times the time in these grades, in the mean and exactly (Mecke's theorem, doc/methods.md), so the counts of
this detector over its live time have no bias; and they share nearly all of their chance with what the program counted of the same photons. So
the program against this detector shows in a few seeds what the program against the number of photons shows in a hundred. Which windows are taken
moves only how much of the chance is shared, never the mean: they are read off the rows of the program.
Edge trigger: a photon that comes while a record is taken has none; up to the time to the maximum before the trigger is armed again it fires late."""
import math
import numpy as np

NEVER = 1e18


class Windows:
    """ns, of one pixel: before >= isolated, after >= post (high); after clear..post (mid); before tail..isolated (tail). Before: since the
    anchor of the last event, which comes blind ns behind it."""
    def __init__(self, n_samples, n_presamples, period_ns, peak_ns, edge):
        self.period, self.record, self.peak = period_ns, (n_samples + 1) * period_ns, peak_ns
        self.post = (n_samples - n_presamples) * period_ns
        self.clear = np.ceil(3 * peak_ns / period_ns - 1e-6) * period_ns
        self.blind = self.record + np.ceil(2 * peak_ns / period_ns - 1e-6) * period_ns if edge else 0
        self.edge = edge
        self.tail, self.isolated = self.post, n_samples * period_ns

    def read_off(self, time_ns, grade):
        """Where tail begins and where it ends, as the program's rows of the pixel say."""
        before = np.diff(time_ns) - self.blind
        tail, high = before[grade[1:] == 2], before[grade[1:] == 0]
        if len(tail) and len(high):
            self.tail, self.isolated = tail.min(), (tail.max() + high.min()) / 2
        elif len(high):
            self.tail = self.isolated = high.min()

    def boxes(self, grades):
        of_grade = {0: (self.isolated, NEVER, self.post, NEVER), 1: (self.isolated, NEVER, self.clear, self.post), 2: (self.tail, self.isolated, self.post, NEVER)}
        return [of_grade[g] for g in grades]


def edge_events(time_ns, w):
    """Times of events, the anchor that each leaves, and the photon that each record is of: -1 for one that is seen only within another's record."""
    events, anchors, photons, armed = [], [], [], -NEVER
    for i, t in enumerate(time_ns):
        if t > armed - w.peak:
            at = max(t, armed)
            events.append(at)
            photons.append(i)
            armed = at + w.record
            anchors.append(at + w.blind)
        elif t < armed - w.record + w.post:
            events.append(t)
            photons.append(-1)
            anchors.append(max(anchors[-1], t))
    return np.array(events), np.array(anchors), np.array(photons)


def time_before(x, lo, hi):
    """Of disjoint stretches in order, what lies before each of x."""
    done, k = np.concatenate([[0], np.cumsum(hi - lo)]), np.searchsorted(lo, x, 'right')
    return done[k] - np.where(k > 0, np.maximum(hi[k - 1] - x, 0), 0)


def count_pixel(time_ns, w, grades, start_ns, end_ns):
    """Which photons have one of the grades, and the ns in them of each point. Times in order, relative to any instant near."""
    if w.edge:
        events, anchors, photons = edge_events(time_ns, w)
    else:
        events, anchors, photons = time_ns, time_ns, np.arange(len(time_ns))
    before, after = np.append(NEVER, events[1:] - anchors[:-1]), np.append(np.diff(events), NEVER)
    taken, live = np.zeros(len(time_ns), bool), np.zeros(len(start_ns))
    at, until = np.append(-NEVER / 2, anchors), np.append(events, NEVER / 2)
    for before_lo, before_hi, after_lo, after_hi in w.boxes(grades):
        inside = (before >= before_lo) & (before < before_hi) & (after >= after_lo) & (after < after_hi) & (photons >= 0)
        taken[photons[inside]] = True
        lo, hi = np.maximum(at + before_lo, until - after_hi), np.minimum(at + before_hi, until - after_lo)
        lo, hi = lo[hi > lo], hi[hi > lo]
        live += time_before(end_ns, lo, hi) - time_before(start_ns, lo, hi)
    return taken, live


def count_vetoed(time_ns, w, isolated):
    """Which photons have a record where a trigger drops those with another one less than a record before, and with isolated those that another one
    follows within theirs; and which of these count: none follows within the record, and no record stands in the window before. A pulse in the rise
    of another is none to the trigger, but no photon counts whose record holds one."""
    record, after = w.record - w.period, np.diff(time_ns, append=NEVER)
    own = np.diff(time_ns, prepend=-NEVER) >= 0.9 * w.peak   # about: calib/lossy_trigger.h has the same
    kept = np.zeros(len(time_ns), bool)
    apart = np.diff(time_ns[own], prepend=-NEVER)
    kept[own] = (apart >= record) & (~isolated | (np.append(apart[1:], NEVER) >= w.post))
    taken = np.zeros(len(time_ns), bool)
    taken[kept] = (np.diff(time_ns[kept], prepend=-NEVER) >= w.isolated) & (after[kept] >= w.post)
    return kept, taken


def no_record(rate, record_s, post_s, span_s, isolated):
    near = np.minimum(span_s, post_s) if isolated else 0 * span_s
    m = rate * np.exp(-rate * record_s)
    total, slack = 1 - np.exp(-rate * record_s) * (1 - np.exp(-rate * near)) - m * np.exp(-rate * near) * (span_s - near), span_s - record_s
    for k in range(2, 30):
        each = -m * np.exp(-rate * np.minimum(post_s, np.maximum(slack, 0) / (k + 1)) if isolated else 0)
        total = total + np.where(slack > 0, (each * slack) ** k / math.factorial(k), 0)
        slack = slack - record_s
    return total


def closed_form(recorded, dwell_s, sensitivity, windows, isolated):
    """Live time in s, point by pixel, of what all pixels recorded there (calib/lossy_trigger.h)."""
    record_s, post_s, window_s, peak_s = 1e-9 * np.array([(w.record - w.period, w.post, w.isolated, w.peak) for w in windows]).T
    veto_s = record_s + post_s - 0.9 * peak_s if isolated else record_s
    lo, hi = np.zeros(len(dwell_s)), np.full(len(dwell_s), 0.4 / (sensitivity.mean() * (record_s + post_s).mean()))
    for _ in range(60):
        rate = (lo + hi) / 2
        each = np.outer(rate, sensitivity)
        low = (each * np.exp(-each * veto_s)).sum(axis=1) < recorded / dwell_s
        lo, hi = np.where(low, rate, lo), np.where(low, hi, rate)
    each = np.outer((lo + hi) / 2, sensitivity)
    return np.exp(-each * (record_s + post_s)) * no_record(each, record_s, post_s, window_s - record_s, isolated) * dwell_s[:, None]
