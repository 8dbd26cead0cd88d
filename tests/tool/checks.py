"""What a script checks: a line for each, 'ok' or 'FAILED', and the failures kept for the end."""
failures = []


def check(ok, what):
    print(('ok      ' if ok else 'FAILED  ') + what, flush=True)
    if not ok:
        failures.append(what)
    return ok


def conclusion():
    """Says what went wrong; the exit status."""
    print(f'{len(failures)} failures: {failures}' if failures else 'all good')
    return 1 if failures else 0
