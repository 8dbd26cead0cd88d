"""The built program for tests that use it from outside: runs it, and holds every run to the exit statuses 0-3 and to never crashing."""
import os
import re
import shutil
import sys
import tempfile

import offspring

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESD = os.path.abspath(os.environ.get('TESD', os.path.join(ROOT, 'build/tesd')))
SLOW = 10 if 'san-' in TESD else 1   # sanitizers: patience, never a criterion
os.environ.setdefault('LSAN_OPTIONS', f'suppressions={ROOT}/tests/tool/lsan.supp:print_suppressions=0')   # as the Makefile sets them
os.environ.setdefault('TSAN_OPTIONS', f'suppressions={ROOT}/tests/tool/tsan.supp')
CRASH = re.compile(r'Sanitizer|runtime error|Assertion|core dumped|Traceback')


def must(*command, limit_s=3600):
    """A command that must end well in the folder of the caller; anything else ends the test."""
    run = offspring.run([str(word) for word in command], capture_output=True, text=True, timeout=limit_s * SLOW)
    if run.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}')
    return run


class Program:
    """A temporary folder, the runs made in it, and what failed."""

    def __init__(self):
        self.failures = 0
        self.folder = tempfile.mkdtemp(prefix='tesd-test-')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        offspring.run(['chmod', '-R', 'u+rwX', self.folder], check=False)
        shutil.rmtree(self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def check(self, ok, what):
        print(('ok      ' if ok else 'FAILED  ') + what, flush=True)
        self.failures += not ok
        return ok

    def run(self, *arguments, before=(), timeout=60, **more):
        """One run of tesd; `before`: a command that starts it, such as setpriv."""
        run = offspring.run([*before, TESD, *arguments], capture_output=True, text=True, errors='replace', timeout=timeout * SLOW, cwd=self.folder, **more)
        if run.returncode not in (0, 1, 2, 3) or CRASH.search(run.stderr):
            self.check(False, f'tesd {" ".join(arguments)} crashed ({run.returncode}):\n{run.stderr[-6000:]}')
        return run

    def good(self, *arguments, **more):
        """A run that must end well; anything else ends the test."""
        run = self.run(*arguments, **more)
        if run.returncode != 0:
            sys.exit(f'tesd {" ".join(arguments)} ended with {run.returncode}:\n{run.stdout}\n{run.stderr}')
        return run

    def end(self):
        print(f'{self.failures} failed' if self.failures else 'all passed')
        return 1 if self.failures else 0


def datasets(path, skip=()):
    """Every dataset of an HDF5 file by its path, read whole."""
    import h5py
    found = {}
    with h5py.File(path, 'r') as f:
        f.visititems(lambda name, o: found.__setitem__(name, o[()]) if isinstance(o, h5py.Dataset) and name not in skip else None)
    return found
