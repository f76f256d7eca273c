# SPDX-License-Identifier: Apache-2.0
"""How xCAT tells a distribution from its release files.

The text is what `grep '' FILE...` prints: the file's name before each line.
The answer is such as rhel7.2, sles12.4, ubuntu22.04.3, debian12, unknown.
"""

import re

FILES = '/etc/*-release /etc/issue /etc/debian_version'


def name(text):
    for path, reader in READERS:
        if re.search('^%s:' % path, text, re.MULTILINE):
            system, version, release = reader(text, _lines(text, path))
            return system + version + ('.' + release if release else '')
    return 'unknown'


def _lines(text, path):
    """A file's lines, without empty ones."""
    start = path + ':'
    return [line[len(start):] for line in text.split('\n')
            if line.startswith(start) and line != start]


def _last(lines, pattern):
    """What the pattern finds in the last line that it matches, else ''."""
    found = [match[1] for match in
             (re.match(pattern, line) for line in lines) if match]
    return found[-1] if found else ''


def _os_release(text, lines):
    system = (_last(lines, r'\s*ID="?([0-9a-z_.-]+)')
              or _last(lines, r'\s*ID_LIKE="?([0-9a-z_.-]+)'))
    version = (_last(lines, r'\s*VERSION="?([0-9.]+)')
               or _last(lines, r'\s*VERSION_ID="?([0-9.]+)'))
    found = re.search(r'([0-9]+)\.?(.*)', version)
    return (system,) + (found.groups() if found else ('', ''))


def _redhat(text, lines):
    line = lines[0] if lines else ''
    version, _, release = re.sub(r'[^0-9]*([0-9.]+).*', r'\1',
                                 line).partition('.')
    system = 'rh'
    for word, short in (('AS', 'rhas'), ('ES', 'rhes'), ('WS', 'rhws'),
                        ('Server', 'rhel'), ('Client', 'rhel')):
        if word in line:
            return short, version, release.partition('.')[0]
    if '/etc/fedora-release:' in text:
        system = 'rhfc'
    return system, version, release.partition('.')[0]


def _suse(text, lines):
    def number(index):
        line = lines[index] if index < len(lines) else ''
        return re.sub(r'[^0-9]*([0-9]+).*', r'\1', line)
    system = 'unknown'
    if any(re.search('SLES|Enterprise Server', line) for line in lines):
        system = 'sles'
    return system, number(0), number(2)


def _lsb(text, lines):
    version = _last(lines, r'\s*DISTRIB_RELEASE=(.*?)\s*$').strip('"')
    if _last(lines, r'\s*DISTRIB_ID=(.*)').strip() in ('Ubuntu', '"Ubuntu"'):
        return 'ubuntu', version, ''
    return 'unknown', '', ''


def _debian(text, lines):
    issue = _lines(text, '/etc/issue')
    if issue and re.search('debian', issue[0], re.IGNORECASE):
        return 'debian', lines[0] if lines else '', ''
    return 'unknown', '', ''


READERS = (('/etc/os-release', _os_release), ('/etc/redhat-release', _redhat),
           ('/etc/SuSE-release', _suse), ('/etc/lsb-release', _lsb),
           ('/etc/debian_version', _debian))
