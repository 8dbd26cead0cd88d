#!/usr/bin/python3
"""What README and doc/*.md name is there, and what is there they name: commands' options, settings, files, tests, columns of the NeXus file, alarms, figures for Prometheus,
kinds of the stream. Words are compared with the sources, options with the program's own help."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from checks import check, conclusion

tesd = os.environ['TESD']
PAGES = sorted(glob.glob('doc/*.md')) + ['README.md', 'systemd/README.md']


def text(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def sources(*patterns):
    return '\n'.join(text(p) for pattern in patterns for p in sorted(glob.glob(pattern)))


def section(page, title):
    return re.search(rf'^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)', text(page), re.M | re.S)[1]


def spans(page):
    """Everything in backticks and in blocks of code."""
    blocks = re.findall(r'^```\w*\n(.*?)^```', page, re.M | re.S)
    return [line for b in blocks for line in b.splitlines()] + re.findall(r'`([^`\n]+)`', re.sub(r'^```.*?^```', '', page, flags=re.M | re.S))


def options_of(command):
    told = offspring.run([tesd, command, '--help'], capture_output=True, text=True).stdout
    return set(re.findall(r'(?<![\w-])(--[a-z][a-z-]*|-[a-z])\b', told))


def test_options():
    known, wrong, n = {}, [], 0
    for page in PAGES:
        for command, rest in (m.groups() for s in spans(text(page)) for m in re.finditer(r'\btesd ([a-z-]+)([^#|]*)', s)):
            if command not in known:
                known[command] = options_of(command)
            for option in re.findall(r'(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?=[ =]|$)', rest):
                n += 1
                wrong += [f'{page}: tesd {command} {option}'] if option not in known[command] else []
    check(n > 50 and not wrong, f'{n} options of commands are those of their help: {wrong}')


def test_settings():
    names = set(re.findall(r'\.name = "([a-z_]+\.\w+)"', text('daemon/options.c')))
    sections = {n.split('.')[0] for n in names}
    said = [(page, w) for page in PAGES for s in spans(text(page)) for w in re.findall(r'(?<![\w./-])([a-z_]+\.\w+)(?![\w/.])', s)
            if w.split('.')[0] in sections and not re.fullmatch(r'md|c|h|py|env|nxs|h5|yaml|json', w.split('.')[1])]
    wrong = [f'{page}: {w}' for page, w in said if w not in names]
    check(len(said) > 40 and not wrong, f'{len(said)} settings are those of the table: {wrong}')


def test_files():
    """Paths, headers with their .c, `make check-NAME`, tests by name alone."""
    wrong, n = [], 0
    tests = {os.path.basename(p).split('.')[0] for p in glob.glob('tests/*/*')}
    for page in PAGES:
        for s in spans(text(page)):
            paths = [p for p in re.findall(r'(?<![\w./-])((?:pulse|calib|daemon|tests|doc|config|systemd)/[\w./-]*\w)', s) if not re.search(r'[A-Z]{3}', p)]
            wrong += [f'{page}: {p}' for p in paths if not (glob.glob(p) or glob.glob(p + '.*') or glob.glob(p + '_*'))]
            names = [f'test_{m}' for m in re.findall(r'^(?:make )?check-(\w+)$', s) if m not in ('web', 'config')]
            names += re.findall(r'^((?:test|accept|bench)_\w+)\.(?:py|c)\b', s)
            wrong += [f'{page}: {t}' for t in names if t not in tests]
            n += len(paths) + len(names)
    check(n > 100 and not wrong, f'{n} files and tests are there: {wrong}')


def test_columns():
    """As whole strings in the sources; and every array, number and text that the archive writes is on the page."""
    page = text('doc/nexus.md')
    written = sources('daemon/*.c', 'daemon/sink/*.c', 'daemon/sink/*.h')
    strings, fields = set(re.findall(r'"([^"\n]*)"', written)), set(re.findall(r'\w+', text('calib/photon_block.h')))
    said = {w for part in page.split('\n### ')[1:] for w in re.findall(r'`(\w+)`', part.partition('\n')[2])}
    check(len(said) > 150 and not (said - strings - fields), f'{len(said)} columns of doc/nexus.md are written: {sorted(said - strings - fields)}')
    archive = sources('daemon/sink/archive*.c')
    names = set(re.findall(r'\.name = "(\w+)"', archive)) | set(re.findall(r'\b(?:h5_file_texts?|archive_integer|archive_number|archive_curve_put|write_seconds|write_matrix)\([^;"]*?"(\w+)"', archive))
    missing = names - set(re.findall(r'\w+', page)) - {'NX_class', 'signal'}
    check(len(names) > 100 and not missing, f'{len(names)} columns that are written are in doc/nexus.md: {sorted(missing)}')


def test_alarms_and_figures():
    watching = section('doc/live.md', 'Watching')
    rules = dict(re.findall(r'\] = \{ "(\w+)", "(warning|error)"', text('daemon/live_alarms.c')))
    table = {code: level for codes, level in re.findall(r'^\| (`[^|]*`) \| (warning|error) \|', watching, re.M) for code in re.findall(r'`(\w+)`', codes)}
    check(len(rules) > 10 and table == rules, f'{len(rules)} alarms with their levels: {sorted(set(table.items()) ^ set(rules.items()))}')
    metrics = text('daemon/metrics.c')
    figures = set(re.findall(r'"tesd_(\w+)"', metrics)) | {'disk_failing', 'archive_points'}
    listed = set(re.findall(r'`(\w+)`', watching.split('figures, each with')[1].split('|---|---|')[1])) - {'journal', 'archive', 'raw'}
    of_sinks = {f'NAME_{m}' for m in re.findall(r'HELP tesd_%s_(\w+)', metrics)}
    check(len(figures) > 20 and listed == figures | of_sinks, f'{len(figures)} figures: {sorted(listed ^ (figures | of_sinks))}')


def test_kinds_of_the_stream():
    page = text('doc/stream.md')
    shown = set(re.findall(r'^  "kind": "(\w+)"', page, re.M)) - {'photons'}   # which have a socket of their own
    listed = set(re.findall(r'`(\w+)`', re.search(r'^\| `kind` \|(.*)$', page, re.M)[1]))
    check(len(shown) > 10 and listed == shown, f'{len(shown)} kinds of messages: {sorted(listed ^ shown)}')
    told = set(re.findall(r'"([a-z]+/(?:[a-z]+/)?)"', sources('daemon/live*.c', 'daemon/sink/publish*.c', 'daemon/stage/*.c')))
    topics = set(re.findall(r'^### `([a-z]+/(?:[a-z]+/)?)', page, re.M))
    check(len(told) > 5 and told <= topics, f'{len(told)} topics have their section: {sorted(told - topics)}')


for test in (test_options, test_settings, test_files, test_columns, test_alarms_and_figures, test_kinds_of_the_stream):
    test()
sys.exit(conclusion())
