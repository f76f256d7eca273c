# SPDX-License-Identifier: Apache-2.0
"""What OpenStack stands on: RabbitMQ and MariaDB, from Debian's packages."""

import getpass
import os
import shutil
import socket
import subprocess
import time

from place import ADDRESS
from place import Stop
from place import words
from place import write
import processes

DATABASES = ('keystone', 'glance', 'placement', 'cinder', 'nova', 'nova_api',
             'nova_cell0', 'neutron')
_RABBITMQ = '/usr/lib/rabbitmq/bin/rabbitmq-server'
# (program, Debian's package)
_NEEDED = (('mariadbd', 'mariadb-server'),
           ('mariadb-install-db', 'mariadb-server'),
           ('mariadb', 'mariadb-client'), (_RABBITMQ, 'rabbitmq-server'),
           ('epmd', 'rabbitmq-server'), ('qemu-img', 'qemu-utils'),
           ('bash', 'bash'), ('curl', 'curl'))


def missing():
    """Debian's packages whose programs are not there."""
    places = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'
    return sorted({package for program, package in _NEEDED
                   if not shutil.which(program, path=places)})


class Missing(Stop):
    """This machine can run no cloud yet; the text says what to install.

    The exit status tells the tests, which are skipped then.
    """

    status = 3


def check():
    """Raises Missing with what to install."""
    lacking = missing()
    if lacking:
        raise Missing(
            'programs that the cloud needs are missing: apt-get install '
            '--no-install-recommends ' + ' '.join(lacking))


def wait_for_port(place, name, seconds=90):
    """Waits until a process that was started listens.

    Raises Stop when it ends before, or does not listen in time.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((ADDRESS, place.port(name))) == 0:
                return
        if processes.pid(place, name) is None:
            raise Stop('%s ended, from its log:\n%s' % (
                name, words.tail(processes.log_file(place, name))))
        time.sleep(0.1)
    raise Stop('%s does not listen on port %d after %d s, see %s' % (
        name, place.port(name), seconds, place.log))


def check_ports(place, names):
    """Raises Stop when a port is taken by a process that is not ours."""
    for name in names:
        if processes.pid(place, name) is not None:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, place.port(name)))
            except OSError as error:
                raise Stop('port %d, wanted for %s: %s. Set ZVM_CLOUD_PORTS '
                           'to another offset than %d' % (
                               place.port(name), name, error.strerror,
                               place.offset))


def _rabbitmq_conf(place):
    return """\
listeners.tcp.1 = %s:%d
default_user = zvm
default_pass = %s
loopback_users = none
log.console = false
""" % (ADDRESS, place.port('rabbitmq'), place.passwords['queue'])


def start_queue(place):
    """RabbitMQ, with a port mapper (epmd) of its own whose pid we know."""
    home = place.state / 'rabbitmq'
    home.mkdir(exist_ok=True)
    conf = place.etc / 'rabbitmq' / 'rabbitmq.conf'
    write(conf, _rabbitmq_conf(place))
    write(conf.with_name('plugins'), '[].\n')
    env = {'HOME': home, 'ERL_EPMD_ADDRESS': ADDRESS,
           'ERL_EPMD_PORT': place.port('epmd'),
           'RABBITMQ_NODENAME': 'zvm%d@localhost' % place.offset,
           'RABBITMQ_DIST_PORT': place.port('erlang'),
           'RABBITMQ_CONFIG_FILE': conf,
           'RABBITMQ_CONF_ENV_FILE': '/dev/null',
           'RABBITMQ_ENABLED_PLUGINS_FILE': conf.with_name('plugins'),
           'RABBITMQ_MNESIA_BASE': home / 'mnesia',
           'RABBITMQ_LOG_BASE': place.log / 'rabbitmq',
           # Schedulers that wait must not spin: there are two cores.
           'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
               '+sbwt none +sbwtdcpu none +sbwtdio none '
               '-kernel inet_dist_use_interface {127,0,0,1}'}
    env = {name: str(value) for name, value in env.items()}
    if processes.start(place, 'epmd', ['epmd'], env):
        wait_for_port(place, 'epmd')
    processes.start(place, 'rabbitmq', [_RABBITMQ], env)


def start_database(place):
    data = place.state / 'mysql'
    if not (data / 'mysql').is_dir():
        processes.run(place, 'init-mariadb', [
            'mariadb-install-db', '--no-defaults', '--datadir=%s' % data,
            '--user=%s' % getpass.getuser(), '--skip-test-db',
            '--auth-root-authentication-method=normal'])
    # A machine for tests need not survive a loss of power.
    processes.start(place, 'mariadb', [
        'mariadbd', '--no-defaults', '--user=%s' % getpass.getuser(),
        '--datadir=%s' % data, '--socket=%s' % place.socket,
        '--pid-file=%s' % (place.state / 'mariadbd.pid'),
        '--bind-address=%s' % ADDRESS, '--port=%d' % place.port('mariadb'),
        '--max-connections=1000', '--innodb-flush-log-at-trx-commit=0',
        '--sync-binlog=0', '--innodb-buffer-pool-size=256M',
        '--performance-schema=OFF', '--character-set-server=utf8mb3'])
    wait_for_port(place, 'mariadb')


def make_databases(place):
    """Makes them anew, and lets root in with a password only.

    Those of a first start that was cut off go: half of a database cannot be
    made again.
    """
    wanted = place.passwords['database']
    text = ''.join('DROP DATABASE IF EXISTS %s;'
                   'CREATE DATABASE %s CHARACTER SET utf8mb3;\n'
                   % (name, name) for name in DATABASES)
    text += ("CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY '%s';"
             "GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;"
             "ALTER USER root@localhost IDENTIFIED BY '%s';\n"
             % (wanted, wanted))
    for password in ('', wanted):
        done = subprocess.run(
            ['mariadb', '--no-defaults', '--socket=%s' % place.socket,
             '--user=root'], input=text, text=True, capture_output=True,
            env=dict(os.environ, MYSQL_PWD=password))
        if done.returncode == 0:
            return
    raise Stop('the databases cannot be made: ' + done.stderr)
