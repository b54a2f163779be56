#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks models with spin: check.py MODEL.pml ...

The comment at the head of a model has a line for each of its variants, which are macros:

    holds: MACRO ...             every state is searched and nothing wrong is found
    fails (WHAT): MACRO ...      it is broken on purpose, and the search finds WHAT

With the macro LIVE, the model has a formula that is checked for all fair runs.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77


def variants(path):
    with open(path) as file:
        head = file.read().split('#define')[0].split('#ifndef')[0]
    found = re.findall(r'^ \* (holds|fails \((.*)\)):(.*)$', head, re.M)
    kinds = {verdict.split()[0] for verdict, _, _ in found}
    if kinds != {'holds', 'fails'}:
        sys.exit(f'{path}: needs lines "holds:" and "fails (...):"')
    return [(expected, macros.split()) for _, expected, macros in found]


def run(directory, *command):
    result = subprocess.run(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.returncode, result.stdout


def must(directory, *command):
    code, said = run(directory, *command)
    if code:
        sys.exit(f'{" ".join(command)}:\n{said}')


def search(path, macros, directory):
    """Returns what pan says, and the trail if it found an error."""
    live = 'LIVE' in macros
    must(directory, 'spin', '-a', *['-D' + macro for macro in macros], path)
    must(directory, 'cc', '-O1', '-w', '-DCOLLAPSE', '-DMEMLIM=2048', *([] if live else ['-DSAFETY']),
         *(['-DNFAIR=4'] if live else []), '-o', 'pan', 'pan.c')
    _, said = run(directory, './pan', '-m2000000', *(['-a', '-f'] if live else []))
    _, trail = run(directory, './pan', '-r', os.path.basename(path) + '.trail')
    return said, trail


def judge(said, expected):
    """Returns what is wrong, or nothing."""
    errors = re.search(r'errors: (\d+)', said)
    if not errors or 'out of memory' in said or 'max search depth too small' in said:
        return 'the search did not come to its end'
    if not expected:
        return '' if errors[1] == '0' else 'an error was found'
    if errors[1] == '0':
        return 'no error was found, but it is broken on purpose'
    return '' if expected in re.sub(' +', ' ', said) else f'another error than "{expected}" was found'


def check(path, expected, macros):
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        said, trail = search(os.path.abspath(path), macros, directory)
    wrong = judge(said, expected)
    states = re.search(r'^ *(\S+) states, stored', said, re.M)
    print(f'{"WRONG" if wrong else "ok":5} {os.path.basename(path)} {" ".join(macros) or "as it is"}: ' +
          (wrong or expected or 'holds') +
          f', {states[1] if states else "?"} states, {time.monotonic() - begin:.1f} s', flush=True)
    if wrong:
        print(said, trail[-20000:], sep='\n')
    return not wrong


def main():
    missing = [tool for tool in ('spin', 'cc') if not shutil.which(tool)]
    if missing:
        print('needs', ' and '.join(missing))
        sys.exit(SKIPPED)
    wrong = [1 for path in sys.argv[1:] for expected, macros in variants(path) if not check(path, expected, macros)]
    sys.exit(1 if wrong else 0)


main()
