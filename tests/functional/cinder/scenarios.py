# SPDX-License-Identifier: Apache-2.0
"""What a test does with a real VolumeManager, in a process of its own.

Started by child.py.  Cinder's configuration is global, and a process can be
killed; so each run is a new process on the same folder.
"""

import concurrent.futures
import importlib
import json
import os
import signal
import types
import uuid

from tests.functional.cinder import harness


def _row(volume):
    return {'id': volume.id, 'status': volume.status,
            'host': volume.host, 'provider_id': volume.provider_id,
            'attach_status': volume.attach_status}


def _error(function, *args):
    """Class and text of what a call raises."""
    try:
        function(*args)
    except Exception as err:
        return {'class': type(err).__name__, 'text': str(err)}
    return None


def _gone(cinder, volume_id):
    from cinder import exception
    try:
        cinder.volume(volume_id)
    except exception.VolumeNotFound:
        return True
    return False


def _only_volume(cinder):
    from cinder import objects
    volume, = objects.VolumeList.get_all(cinder.context)
    return volume


def _backend(cinder, name):
    return cinder.managers[name].driver._backend


# life


def create(cinder, backend, sizes):
    """Volumes, one after the other; and the stats afterwards."""
    return {'volumes': [_row(cinder.create(backend, size))
                        for size in sizes],
            'stats': cinder.stats(backend)}


def create_refused(cinder, backend, gib):
    """A create that fails, the first of all."""
    error = _error(cinder.create, backend, gib)
    return {'error': error, 'volume': _row(_only_volume(cinder))}


def create_together(cinder, backend, count):
    """As many creates of 1 GiB at once."""
    with concurrent.futures.ThreadPoolExecutor(count) as threads:
        made = [threads.submit(cinder.managers[backend].driver.create_volume,
                               types.SimpleNamespace(
                                   id=number, name_id=str(uuid.uuid4()),
                                   size=1, encryption_key_id=None,
                                   volume_type_id=None))
                for number in range(count)]
        results = [future.exception() or future.result() for future in made]
    return [result['provider_id'] if isinstance(result, dict)
            else str(result) for result in results]


def delete(cinder, volume_id):
    """One volume."""
    error = _error(cinder.delete, cinder.volume(volume_id))
    gone = _gone(cinder, volume_id)
    return {'error': error, 'gone': gone,
            'volume': None if gone else _row(cinder.volume(volume_id))}


def look(cinder, volume_id):
    """A volume after a start-up, and whether it is gone."""
    gone = _gone(cinder, volume_id)
    return {'gone': gone,
            'volume': None if gone else _row(cinder.volume(volume_id))}


def unfinished(cinder):
    """The one volume that a killed create left, which is then deleted."""
    volume = _only_volume(cinder)
    before = _row(volume)
    cinder.delete(volume)
    return {'before': before, 'gone': _gone(cinder, volume.id)}


# death


def make_deadly(cinder, backend, method, when):
    """Be killed before or after a method of the pool takes effect."""
    pool = _backend(cinder, backend).pool
    real = getattr(pool, method)

    def deadly(*args, **kwargs):
        if when == 'after':
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(pool, method, deadly)


def die_in(cinder, backend, method, when, volume_id=None):
    """See make_deadly; creates a volume of 1 GiB, or deletes the given one."""
    make_deadly(cinder, backend, method, when)
    if volume_id:
        cinder.delete(cinder.volume(volume_id))
    else:
        cinder.create(backend, 1)


# answers that are lost


def lost(cinder, backend, verb, count):
    """Create and delete while the zHCP's answers to a verb do not come.

    What was asked is done there each time; the first `count` answers are
    lost.
    """
    from cinder_zvm import volumeop
    from zvm_common import exceptions
    from zvm_common.remote import call
    really, left = call.Remote._once, [count]

    def once(self, operation, asked, args, read_timeout):
        if asked != verb or not left[0]:
            return really(self, operation, asked, args, read_timeout)
        left[0] -= 1
        try:
            really(self, operation, asked, args, read_timeout)
        except exceptions.Refused:
            pass            # that answer is lost too
        raise exceptions.OutcomeUnknown('lost')
    call.Remote._once = once
    volumeop._PAUSE = 0
    created = _row(cinder.create(backend, 1))
    error = _error(cinder.delete, cinder.volume(created['id']))
    return {'created': created, 'error': error, 'left': left[0],
            'gone': _gone(cinder, created['id'])}


# other makers' drivers


def other_maker(cinder, backend, connector):
    """An attachment of a volume of a driver that is not ours."""
    volume = cinder.create(backend, 1)
    try:
        attachment, info = cinder.attach(volume, connector,
                                         connector['instance'])
    except Exception as err:
        return {'error': '%s: %s' % (type(err).__name__, err)}
    attachment.refresh()
    cinder.detach(volume, attachment)
    return {'info': info, 'error': None, 'kept': attachment.connector,
            'driver': [kind.__module__ for kind in type(
                cinder.managers[backend].driver).__mro__]}


# connections


def connector_of(backend, instance, userid, host='compute1'):
    """Hold devices as the Nova extension does, and tell of them.

    :returns: (zvm_common.fcp.Devices, held devices, connector)
    """
    from zvm_common import fcp
    devices = fcp.Devices(backend.zhcp, backend.settings.fcp_list,
                          compute=host)
    held = devices.hold(instance, userid)
    return devices, held, {
        'platform': 's390x', 'os_type': 'linux', 'host': host,
        'ip': '10.0.0.1', 'multipath': True,
        'wwpns': [str(device.wwpn) for device in held], 'wwnns': [],
        'instance': instance, 'zvm_userid': userid,
        'zvm_zhcp': str(backend.hypervisor.zhcp_hostname),
        'zvm_hypervisor': str(backend.hypervisor.name),
        'zvm_fcp': [str(device.number) for device in held]}


def attach_detach(cinder, backend, instance, userid):
    """An attachment is made twice, and deleted; Nova does nothing."""
    volume = cinder.create(backend, 1)
    _, _, connector = connector_of(_backend(cinder, backend), instance,
                                   userid)
    attachment, info = cinder.attach(volume, connector, instance)
    again = cinder.managers[backend].driver.initialize_connection(
        volume, connector)
    cinder.complete(volume, attachment)
    cinder.detach(volume, attachment)
    cinder.delete(volume)
    return {'info': info, 'again': again, 'connector': connector,
            'gone': _gone(cinder, volume.id)}


def used(cinder, backend, instance, userid, node):
    """A guest uses the volume; Cinder is made to believe it does not.

    What os-force_detach and reset-state can lead to.
    """
    from zvm_common import fcp
    volume = cinder.create(backend, 1)
    devices, held, connector = connector_of(_backend(cinder, backend),
                                            instance, userid)
    attachment, info = cinder.attach(volume, connector, instance)
    lun = devices.attach(fcp.AttachRequest(
        volume_id=volume.name_id, generation=info['zvm_generation'],
        attachment_id=attachment.id, instance_uuid=instance, userid=userid,
        node=node, devices=tuple(device.number for device in held)))
    cinder.complete(volume, attachment)
    driver = cinder.managers[backend].driver
    result = {
        'state': lun.state,
        'again': driver.initialize_connection(volume, connector),
        'other': _error(driver.initialize_connection, volume,
                        dict(connector, instance=str(uuid.uuid4())))}
    driver.terminate_connection(volume, None, force=True)
    cinder.detach(volume, attachment)
    result['after_force'] = driver._volumes.find(volume.name_id).state
    cinder.delete(volume)       # the manager swallows VolumeIsBusy
    result['busy'] = _error(driver.delete_volume, volume)
    result['volume'] = _row(cinder.volume(volume.id))
    devices.detach(volume.name_id, lun.generation, instance)
    cinder.delete(volume)
    result['gone'] = _gone(cinder, volume.id)
    return result


def connection_refused(cinder, backend, other, instance, userid):
    """A guest of another zHCP, and a generic host."""
    volume = cinder.create(backend, 1)
    _, _, connector = connector_of(_backend(cinder, other), instance, userid)
    generic = {'platform': 's390x', 'os_type': 'linux', 'host': 'cinder1',
               'ip': '10.0.0.2', 'multipath': False,
               'wwpns': ['c05076ffe5000000'], 'wwnns': ['5005076400c1b2b0']}
    result = {'other': _error(cinder.attach, volume, connector, instance),
              'generic': _error(cinder.attach, volume, generic, instance)}
    cinder.delete(volume)
    return result


# set-up


def mistakes(cinder):
    """The error of each back-end's set-up."""
    found = {}
    for name, manager in cinder.managers.items():
        def set_up():
            manager.driver.do_setup(cinder.context)
            manager.driver.check_for_setup_error()
        found[name] = dict(_error(set_up) or {},
                           initialized=manager.driver.initialized)
    return found


def statistics(cinder, backend):
    """Only the stats."""
    return cinder.stats(backend)


def _simulator(server, ca_file, path, method='GET', **body):
    """Ask the simulator itself, beside the MN."""
    import ssl
    import urllib.request
    request = urllib.request.Request(
        'https://%s/simulator/%s' % (server, path), method=method,
        data=json.dumps(body).encode() if body else None)
    with urllib.request.urlopen(request, context=ssl.create_default_context(
            cafile=ca_file)) as response:
        return json.loads(response.read())


def stats(cinder, backend, event, server, ca_file):
    """Stats before, while and after something is wrong with the zHCP."""
    found = [cinder.stats(backend)]
    for value in event[1:]:
        _simulator(server, ca_file, 'events', 'POST', **{event[0]: value})
        found.append(cinder.stats(backend))
    return found


def requests(cinder, backend, server, ca_file):
    """How many requests each call of the driver costs."""
    driver = cinder.managers[backend].driver
    volume = types.SimpleNamespace(id='v', name_id=str(uuid.uuid4()), size=1,
                                   encryption_key_id=None,
                                   volume_type_id=None, provider_id=None)
    _, _, connector = connector_of(driver._backend, str(uuid.uuid4()),
                                   'LNX00001')

    def set_up():
        driver.do_setup(cinder.context)
        driver.check_for_setup_error()
    steps = {
        'set_up': set_up,
        'create': lambda: driver.create_volume(volume),
        'connect': lambda: driver.initialize_connection(volume, connector),
        'terminate': lambda: driver.terminate_connection(volume, connector),
        'stats': lambda: driver.get_volume_stats(refresh=True),
        'delete': lambda: driver.delete_volume(volume),
        'delete_again': lambda: driver.delete_volume(volume)}
    counts = {}
    for name, step in steps.items():
        before = len(_simulator(server, ca_file, 'requests'))
        step()
        counts[name] = len(_simulator(server, ca_file, 'requests')) - before
    return counts


def run(name, job):
    """Start the managers, do what the scenario does, print its result.

    :param name: a function of this module, or MODULE.FUNCTION
    :param job: dict of workdir, server, ca_file, backends, database, args
        and perhaps service: host and cluster of this process
    """
    from cinder import monkey_patch
    cinder = harness.start_manager(
        job['workdir'], job['backends'], types.SimpleNamespace(
            server=job['server'], ca_file=job['ca_file']),
        database=job['database'], **job.get('service', {}))
    drivers = {backend: '%s.%s' % (type(manager.driver).__module__,
                                   type(manager.driver).__name__)
               for backend, manager in cinder.managers.items()}
    initialized = {backend: manager.driver.initialized
                   for backend, manager in cinder.managers.items()}
    module, _, function = name.rpartition('.')
    place = importlib.import_module(module or __name__)
    result = getattr(place, function)(cinder, **job['args'])
    print(json.dumps({'drivers': drivers, 'initialized': initialized,
                      'eventlet': monkey_patch.MONKEY_PATCHED,
                      'result': result}), flush=True)
