# SPDX-License-Identifier: Apache-2.0
"""Rules in etc/udev/rules.d that give a block device more names.

A rule is a line that stands by itself: comparisons, then SYMLINK+= . What it
compares must be among what `facts` says of the device; a rule that compares
anything else does not act, nor does one with GOTO or LABEL.
"""
import fnmatch
import os
import re

RULES = 'etc/udev/rules.d'
_PART = re.compile(r'\s*([A-Z]+(?:\{[^}]*\})?)\s*(==|!=|\+=|=|:=)\s*"([^"]*)"'
                   r'\s*(?:,|$)')
_IGNORED = ('OPTIONS',)


def links(folder, facts):
    """Names below dev that the rules give to a device.

    facts: {key: value}, with keys as rules have them, such as KERNEL and
    ENV{DM_UUID}.
    """
    found = []
    for line in _lines(os.path.join(folder, RULES)):
        found += _names(line, facts)
    return found


def _lines(folder):
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith('.rules'):
            try:
                with open(os.path.join(folder, name)) as rules:
                    yield from rules.read().replace('\\\n', '').splitlines()
            except OSError:
                continue


def _names(line, facts):
    if 'SYMLINK+=' not in line or line.lstrip().startswith('#'):
        return []
    parts = _PART.findall(line)
    if _PART.sub('', line).strip():
        return []
    names = []
    for key, operator, value in parts:
        if operator in ('==', '!='):
            if not _holds(facts, key, operator, value):
                return []
        elif key == 'SYMLINK':
            names += value.split()
        elif key not in _IGNORED:
            return []
    return names


def _holds(facts, key, operator, value):
    if key not in facts:
        return operator == '!='
    same = any(fnmatch.fnmatchcase(facts[key], one)
               for one in value.split('|'))
    return same == (operator == '==')
