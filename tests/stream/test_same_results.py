#!/usr/bin/python3
"""Results do not depend on the number of workers, nor, beyond rounding, on the variant of the hot loops.
Environment: TESD (the program)."""
import glob
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import h5py
import numpy as np
import offspring

tesd = os.environ.get("TESD", "build/tesd")


def run(*words):
    offspring.run([tesd, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def datasets(path):
    """Name -> bytes of every dataset, apart from the record of how the file came about."""
    found = {}
    with h5py.File(path, "r") as f:
        f.visititems(lambda name, x: found.update({name: x[()].tobytes()}) if isinstance(x, h5py.Dataset) and "/process/" not in name else None)
    return found


def expect_same(a, b):
    x, y = datasets(a), datasets(b)
    assert x.keys() == y.keys(), sorted(x.keys() ^ y.keys())
    different = [name for name in x if x[name] != y[name]]
    assert not different, f"{a} and {b} differ in {different}"
    assert len(x["entry/photons/time_ns"]) > 8 * 1000


def expect_close(a, b):
    with h5py.File(a, "r") as f, h5py.File(b, "r") as g:
        p, q = f["entry/photons"], g["entry/photons"]
        same_cuts = p["cuts"][()] == q["cuts"][()]
        e, d, photon = p["energy_eV"][()][same_cuts], q["energy_eV"][()][same_cuts], p["cuts"][()][same_cuts] == 0
    both = np.isfinite(e) & np.isfinite(d)
    relative = np.zeros(len(e))
    relative[both] = np.abs(e[both] / d[both] - 1)
    worst, worst_cut = np.max(relative[photon], initial=0), np.max(relative[~photon], initial=0)
    print(f"kernels: {np.count_nonzero(~same_cuts)} of {len(same_cuts)} rows cut otherwise; energies differ by {worst:.1e} at most, of rows with a cut {worst_cut:.1e}, {np.count_nonzero(both)} rows")
    assert np.array_equal(np.isfinite(e), np.isfinite(d)) and np.count_nonzero(both) > 1000
    assert worst <= 1e-6
    assert worst_cut <= 1e-5   # a pulse eleven samples off is far outside of its parabola, which makes rounding large
    assert np.count_nonzero(~same_cuts) <= 1e-5 * len(same_cuts) + 1


with tempfile.TemporaryDirectory() as folder:
    at = lambda name: os.path.join(folder, name)
    run("simulate", "-o", at("sim"), "--quick", "--pixels", "6", "--seed", "5")
    pulses, noise = glob.glob(at("sim/*/0001"))[0], glob.glob(at("sim/*/0000"))[0]
    several = ("7",) if "san-" in tesd else ("2", "7")   # a sanitizer has seen two workers when it has seen seven
    for workers in ("1", *several):
        run("calibrate", pulses, "--noise", noise, "-o", at(f"cal{workers}.h5"), "--workers", workers)
        run("replay", pulses, "--noise", noise, "-o", at(f"learnt{workers}.nxs"), "--workers", workers)
        run("replay", pulses, "--calibration", at("cal1.h5"), "-o", at(f"frozen{workers}.nxs"), "--workers", workers)
    for workers in several:
        expect_same(at("learnt1.nxs"), at(f"learnt{workers}.nxs"))
        expect_same(at("frozen1.nxs"), at(f"frozen{workers}.nxs"))
        with open(at("cal1.h5"), "rb") as f, open(at(f"cal{workers}.h5"), "rb") as g:
            assert f.read() == g.read(), f"the calibration of {workers} workers is another file"
    with open(at("scalar.yaml"), "w") as f:
        f.write("analysis:\n  kernel: scalar\n")
    run("replay", pulses, "--calibration", at("cal1.h5"), "-o", at("scalar.nxs"), "-c", at("scalar.yaml"))
    expect_close(at("scalar.nxs"), at("frozen1.nxs"))
    with open(at("other.yaml"), "w") as f:
        f.write("analysis:\n  kernel: abacus\n")
    refused = offspring.run([tesd, "replay", pulses, "-o", at("other.nxs"), "-c", at("other.yaml")], capture_output=True, text=True)
    assert refused.returncode == 2 and "abacus" in refused.stderr and "scalar" in refused.stderr, refused.stderr
sys.exit(0)
