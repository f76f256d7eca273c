# SPDX-License-Identifier: Apache-2.0
"""The devstack plugin on its stage, with folders and processes of its own.

tools/cloud.d/stage.sh calls it as devstack does. What it starts are real
processes: the simulator, and in nova-compute's place one that waits.
"""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import fixtures

ROOT = pathlib.Path(__file__).resolve().parents[1]
STAGE = ROOT / 'tools' / 'cloud.d' / 'stage.sh'
CONFIGS = ('cinder', 'nova', 'nova-cpu', 'tempest')
# What devstack itself has written before.
NOVA = """\
[DEFAULT]
log_dir = /var/log/nova

[service_user]
auth_type = password

[database]
connection = mysql+pymysql://nova

[api_database]
connection = mysql+pymysql://nova_api
"""
# Settings of a real management node with one LPAR: nothing is started then.
ONE_LPAR = {
    'ZVM_XCAT_SERVER': 'mn.example.com', 'ZVM_XCAT_USERNAME': 'cloud',
    'ZVM_XCAT_PASSWORD': 'secret', 'ZVM_HYPERVISORS': 'host1',
    'ZVM_FCP_LISTS': '1A00;1B00', 'ZVM_ZHCP_FCP_LISTS': '1AFE;1BFE',
    'ZVM_SCSI_POOLS': 'zpool1', 'ZVM_CONNECTOR_URLS': 'http://127.0.0.1:1',
}
_PROGRAMS = {
    'python3': 'exec %s "$@"' % sys.executable,
    'zvm-simulator': 'exec %s -m xcat_simulator.cli "$@"' % sys.executable,
    'nova-compute': 'exec sleep 1000',
    'nova-manage': 'echo "$@" >> "$STAGE_FOLDER/nova-manage"',
    'run': """\
cd "$STAGE_FOLDER/run"
name=$1
shift
[ ! -e "$name" ] || exit 0
echo "$@" > "$name.command"
"$@" > "$name.log" 2>&1 </dev/null &
echo $! > "$name\"""",
    'stop': """\
cd "$STAGE_FOLDER/run"
[ -e "$1" ] || exit 0
number=$(cat "$1")
kill "$number"
while grep -qs ') [^Z] ' "/proc/$number/stat"; do sleep 0.05; done
rm "$1\"""",
}


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def written(path):
    """{section: {option: value}} as the file has them, each once."""
    found, section = {}, None
    for line in path.read_text().splitlines():
        if line.startswith('['):
            section = line.strip('[]')
            if section in found:
                raise AssertionError('%s has [%s] twice' % (path, section))
            found[section] = {}
        elif line:
            name, _, value = line.partition(' = ')
            if name in found[section]:
                raise AssertionError('%s is there twice' % name)
            found[section][name] = value
    return found


class Stage(fixtures.Fixture):
    """One machine on which the plugin's phases are called.

    :param settings: of the plugin, as local.conf would set them
    """

    def __init__(self, **settings):
        self.settings = settings

    def _setUp(self):
        self.folder = pathlib.Path(
            self.useFixture(fixtures.TempDir()).path)
        for name in ('bin', 'etc', 'run'):
            (self.folder / name).mkdir()
        for name, text in _PROGRAMS.items():
            program = self.folder / 'bin' / name
            program.write_text('#!/bin/sh\n%s\n' % text)
            program.chmod(0o755)
        self.begin()
        self.environment = self._environment()
        self.addCleanup(self._end)

    def begin(self):
        """The files as devstack hands them over."""
        self.config('cinder').write_text('[DEFAULT]\n')
        self.config('nova').write_text(NOVA)

    def _environment(self):
        port, *connectors = free_ports(3)
        found = {name: value for name, value in os.environ.items()
                 if not name.startswith(('ZVM_', 'OS_', 'STAGE_'))}
        names = ('CINDER_CONF', 'NOVA_CONF', 'NOVA_CPU_CONF',
                 'TEMPEST_CONFIG')
        found.update(zip(names, map(self.config, CONFIGS)))
        found.update({
            'DEST': ROOT, 'ZVM_DIR': self.folder / 'zvm',
            'ZVM_SIMULATOR_PORT': port,
            'ZVM_CONNECTOR_PORTS': '%d %d' % tuple(connectors),
            'STAGE_FOLDER': self.folder,
            'STAGE_RUN': self.folder / 'bin' / 'run',
            'STAGE_STOP': self.folder / 'bin' / 'stop',
            'PATH': '%s:%s' % (self.folder / 'bin', os.environ['PATH']),
            'PYTHONPATH': os.pathsep.join(filter(None, [
                str(self.folder / 'lib'), os.environ.get('PYTHONPATH')]))})
        found.update(self.settings)
        return {name: str(value) for name, value in found.items()}

    def _end(self):
        for file in (self.folder / 'run').glob('*'):
            if not file.suffix:
                try:
                    os.kill(int(file.read_text()), signal.SIGTERM)
                except ProcessLookupError:
                    continue

    def config(self, name):
        return self.folder / 'etc' / (name + '.conf')

    def phase(self, *words, **settings):
        """Calls one; returns the finished process with all its output."""
        return subprocess.run(
            ['bash', STAGE, *words], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(self.environment, **settings), timeout=120)

    def stack(self, *phases, **settings):
        """Calls these phases of stack; their output. They must succeed."""
        output = ''
        for name in phases:
            done = self.phase('stack', name, **settings)
            if done.returncode:
                raise AssertionError('%s failed:\n%s' % (name, done.stdout))
            output += done.stdout
        return output

    def contents(self):
        """{name: bytes} of all files below etc."""
        return {path.name: path.read_bytes()
                for path in (self.folder / 'etc').iterdir()}

    def runs(self, name):
        """Does what was started under that name run?"""
        try:
            number = int((self.folder / 'run' / name).read_text())
            state = pathlib.Path('/proc/%d/stat' % number).read_text()
        except FileNotFoundError:
            return False
        return state.rpartition(')')[2].split()[0] != 'Z'

    def command(self, name):
        return (self.folder / 'run' / (name + '.command')).read_text()
