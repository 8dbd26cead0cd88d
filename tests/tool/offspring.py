"""Processes that end with the test that started them, whatever way it ends: the kernel kills them when the thread that started them is gone.
What they start in turn is the business of run-tests, which kills the process group."""
import subprocess

WITH_ME = ['setpriv', '--pdeathsig', 'KILL']   # of util-linux; it becomes the command, under the same pid


def start(command, **more):
    """subprocess.Popen. The thread that calls must live as long as the process shall."""
    return subprocess.Popen([*WITH_ME, *command], **more)


def run(command, **more):
    """subprocess.run."""
    return subprocess.run([*WITH_ME, *command], **more)
