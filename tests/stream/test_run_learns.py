#!/usr/bin/python3
"""tesd run without a calibration learns one from the first calibration state while data flow, counts the running scan anew with it, keeps it,
and starts with it the next time. Judged by the twin's truth: the lines of the scan's photons lie where they should. Loopback only."""
import glob, os, re, subprocess, sys, time
import h5py, numpy
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
from live_pair import Daemon, Rpc, Twin, check, feed, folder, run_all, tesd

beamtime = ['--pixels', '4', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--rate', '50', '--calibration-s', '40', '--edges', 'o', '--conditions', 'a', '--feature', '0.1',
            '--scans', '1', '--points', '30', '--dwell', '1', '--noise-records', '300', '--seed', '7']


if 'san-' in tesd:   # at ten times the clock a slow program learns nothing before the scan is over
    print('skipped: under sanitizers learning takes longer than the served beamtime')
    sys.exit(77)


def photons_of(path):
    """Photons of the scan, and where O K fluorescence lies."""
    with h5py.File(path) as f:
        scan, energy, cuts = (f[f'entry/photons/{k}'][()] for k in ('scan', 'energy_eV', 'cuts'))
    inside = (scan >= 0) & (cuts == 0)
    return inside.sum(), numpy.median(energy[inside & (energy > 515) & (energy < 532)])


def test_learns():
    subprocess.run([tesd, 'simulate', '-o', f'{folder}/files', *beamtime], check=True, capture_output=True)
    runs = sorted(glob.glob(f'{folder}/files/*/*'))
    twin = Twin(*beamtime, '--records', 'synthesised', '--clock', 'x10', '--start', '2026-03-02T09:00:00', '--write', f'{folder}/live', '--idle')
    run = Daemon('learns', twin, output={'folder': f'{folder}/out'}, learn={'live': True})
    rpc = Rpc(twin.control)
    rpc.good('SourceControl.Start', 'SimPulseSource')
    began = time.monotonic()
    with open(glob.glob(f'{runs[1]}/*_experiment_state.txt')[0]) as f:
        first_s = int(f.read().splitlines()[1].split(',')[0]) * 1e-9
    feed(run.control, glob.glob(f'{runs[1]}/logs/scan*.json')[0], (began, first_s), 10)
    run.wait_message('calibration CAL2 is')
    run.wait_message('.nxs')
    said = run.messages()
    accepted = re.search(r'calibration CAL0 is accepted: (\d+) good pixels, 0 before; filters are new', said)
    check(accepted and int(accepted[1]) == 4, f'CAL0 is learnt while data flow: {accepted and accepted[0]}')
    again = re.search(r'scan 1: (\d+) records since calibration CAL0 are counted anew', said)
    begun = said.find('calibration CAL0 is accepted')   # on a slow machine the scan may be told after it was learnt: then nothing is to be counted anew
    check(begun > 0 and (again is None or int(again[1]) > 20), f'the running scan is counted anew: {again and again[0]}')
    check('calibration CAL2 is accepted: 4 good pixels, 4 before' in said and 'CAL2 is accepted: 4 good pixels, 4 before; filters' not in said, 'CAL2 keeps the filters')
    check(run.end() == 0, 'ends with 0')
    twin.end()
    subprocess.run([tesd, 'replay', f'{folder}/live/20260302/0000', '--logs', runs[1], '--calibration', f'{folder}/out/last_calibration.h5', '-o', f'{folder}/replay.nxs', '-q'],
                   check=True, capture_output=True)
    (live, live_line), (late, late_line) = (photons_of(glob.glob(f'{folder}/out/20260302/0000/*_run????.nxs')[0]), photons_of(f'{folder}/replay.nxs'))
    check(live > 0.8 * late > 1000, f'{live} photons of the scan are in the run\'s file; {late} when it is replayed with the calibrations learnt; between learning and taking over some had none')
    check(abs(live_line - late_line) < 0.5 and abs(live_line - 524.3) < 2, f'O K fluorescence at {live_line:.2f} eV, {late_line:.2f} eV replayed')
    check(os.path.exists(f'{folder}/out/last_calibration.h5'), 'the calibration is kept')
    second = Twin('--pixels', '4', '--bad-fraction', '0', '--samples', '256', '--presamples', '64', '--rate', '10', '--seed', '7')
    later = Daemon('later', second, output={'folder': f'{folder}/out'}, learn={'live': True})
    later.wait_message('last_calibration.h5: the last calibration that was learnt is in force')
    later.wait_figure(lambda f: f.get('tesd_photons_total', 0) > 0)
    check(later.figures()['tesd_photons_total'] > 0, 'and the next start has energies from it')
    check(later.end() == 0, 'ends with 0')
    second.end()


run_all(test_learns)
