#!/usr/bin/python3
"""Whatever way a test ends, what it started ends with it: the daemons of a script that runs alone (tool/offspring.py), and everything that a job
of run-tests has started, also when run-tests itself is killed. Once ten orphans held both cores of a machine for twelve minutes."""
import glob
import os
import re
import signal
import sys
import time

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tool')
sys.path.insert(0, TOOL)
import offspring
from program import ROOT, SLOW, Program

# A test with a twin of DASTARD, a command that it waits for, and an end of its own. It says their pids.
SCRIPT = """import os, signal, sys, threading, time
sys.path.insert(0, {tool!r})
import offspring
from twin import Twin
twin = Twin('--pixels', '1', '--quick')
def wait():
    offspring.run(['sh', '-c', 'echo $$ >{pids}.new; mv {pids}.new {pids}; exec sleep 1000'])
def end():
    while not os.path.exists({pids!r}):
        time.sleep(0.01)
    with open({pids!r}, 'a') as f:
        print(twin.process.pid, file=f)
    {way}
threading.Thread(target=wait, daemon=True).start()
end()
"""
WAYS = {'raises': 'raise ValueError', 'exits': 'sys.exit(3)', 'is killed': 'os.kill(os.getpid(), signal.SIGKILL)', 'is told to end': 'os.kill(os.getpid(), signal.SIGTERM)'}

# A job that leaves behind what does not listen to SIGTERM.
JOB = """#!/bin/sh
sh -c 'trap "" TERM; sleep 1000 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; wait; sleep 1000' &
while [ ! -e {pids} ]; do sleep 0.01; done
{way}
"""
JOBS = {'passes': 'exit 0', 'fails': 'exit 1', 'crashes': 'kill -SEGV $$', 'takes too long': 'sleep 1000', 'stands still': 'kill -STOP $!; kill -STOP $$'}


def until(true, limit_s=20):
    end = time.monotonic() + limit_s * SLOW
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def pids_of(path):
    with open(path) as f:
        return [int(word) for word in f.read().split()]


def runs(pid):
    """It is there and no zombie."""
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def check_scripts(p):
    for k, (way, code) in enumerate(WAYS.items()):
        pids = p.path(f'script{k}.pids')
        with open(p.path(f'script{k}.py'), 'w') as f:
            f.write(SCRIPT.format(tool=TOOL, pids=pids, way=code))
        ended = offspring.run([sys.executable, f.name], capture_output=True, text=True, timeout=60 * SLOW)
        started = pids_of(pids)
        p.check(ended.returncode != 0 and len(started) == 2, f'a test that {way}: {ended.returncode} {ended.stderr.splitlines()[-1:]}')
        p.check(until(lambda: not any(map(runs, started))), 'its twin and its command are gone')


def check_jobs(p):
    environment = {**os.environ, 'TEST_LIMIT_S': '2'}
    for k, (way, code) in enumerate(JOBS.items()):
        pids = p.path(f'job{k}.pids')
        with open(p.path(f'job{k}'), 'w') as f:
            f.write(JOB.format(pids=pids, way=code))
        os.chmod(f.name, 0o755)
        ended = offspring.run([f'{TOOL}/run-tests', f.name], capture_output=True, text=True, timeout=60 * SLOW, env=environment)
        p.check(ended.returncode == (0 if way == 'passes' else 1) and re.search(r'1 passed, 0 failed' if way == 'passes' else r'0 passed, 1 failed', ended.stdout) is not None,
                f'a job that {way}: {ended.returncode} {ended.stdout.splitlines()[-1:]}')
        p.check(until(lambda: not any(map(runs, pids_of(pids)))), 'what it left behind is gone')


def check_the_runner(p):
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        pids = p.path(f'runner{how}.pids')
        with open(p.path(f'runner{how}'), 'w') as f:
            f.write(JOB.format(pids=pids, way='sleep 1000'))
        os.chmod(f.name, 0o755)
        runner = offspring.start([f'{TOOL}/run-tests', f.name], start_new_session=True)
        until(lambda: os.path.exists(pids))
        os.killpg(runner.pid, how) if how == signal.SIGINT else runner.send_signal(how)   # as a terminal does
        p.check(runner.wait(timeout=30 * SLOW) != 0 and until(lambda: not any(map(runs, pids_of(pids)))), f'run-tests ended by {how.name}: so are its jobs')


def check_that_all_take_part(p):
    files = [f for f in glob.glob(f'{ROOT}/tests/*/*.py') if os.path.basename(f) != 'offspring.py']
    apart = [os.path.relpath(f, ROOT) for f in files if re.search(r'subprocess\.(run|Popen|call|check_\w+)\(|os\.(system|spawn\w+)\(', open(f).read())]
    p.check(len(files) > 40 and not apart, f'no script starts processes by itself: {apart}')


with Program() as p:
    check_scripts(p)
    check_jobs(p)
    check_the_runner(p)
    check_that_all_take_part(p)
    sys.exit(p.end())
