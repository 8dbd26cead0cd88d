#!/usr/bin/env python3
"""doc/tesd.1 names the commands that there are, in the words of 'tesd --help', and roff takes both manual pages without a warning."""
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'tool'))
import offspring
from checks import check, conclusion

told = offspring.run([os.environ['TESD'], '--help'], capture_output=True, text=True, check=True).stdout
commands = re.findall(r'^  (\S+) +(\S.*)$', told, re.M)
page = open('doc/tesd.1', encoding='utf-8').read()
section = re.search(r'^\.SH COMMANDS\n(.*?)^\.SH ', page, re.M | re.S).group(1)
listed = [(name.replace('\\', ''), text.replace('\\', '')) for name, text in re.findall(r'^\.TP\n\.B (\S+)\n(.*)$', section, re.M)]
check(len(commands) > 10 and listed == commands, f'the {len(commands)} commands of tesd --help are those of doc/tesd.1, in order and words')
if shutil.which('groff'):
    for path in ('doc/tesd.1', 'doc/tesd.yaml.5'):
        said = offspring.run(['groff', '-man', '-ww', '-z', path], capture_output=True, text=True)
        check(said.returncode == 0 and said.stderr == '', f'{path} is without fault: {said.stderr.strip() or "groff is silent"}')
else:
    print('skipped: no groff, so the pages are not set')
sys.exit(conclusion())
