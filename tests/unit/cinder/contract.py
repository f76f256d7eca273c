# SPDX-License-Identifier: Apache-2.0
"""What Cinder asks of a driver class, read off Cinder itself.

Cinder's own compliance test checks nothing on Python 3: it looks for
``inspect.ismethod`` on a class.  Here the interface's functions are taken from
its source, and the arguments from every ``self.driver.X(...)`` in the
manager's source.
"""

import ast
import inspect
import pathlib
import textwrap

import cinder
from cinder.interface import volume_driver
from cinder.interface import volume_manageable_driver
from cinder.interface import volume_snapshotmanagement_driver
from cinder.volume import driver as base

#: What a driver may offer besides the core, and ours does.
MORE = (volume_manageable_driver.VolumeManagementDriver,
        volume_manageable_driver.VolumeListManageableDriver,
        volume_snapshotmanagement_driver.VolumeSnapshotManagementDriver)

#: Called by the manager (or the backup manager) and missing in the interface.
BESIDES = ('create_cloned_volume', 'create_export', 'remove_export',
           'ensure_export', 'validate_connector', 'get_pool',
           'get_backup_device', 'copy_image_to_encrypted_volume')

#: Where NotImplementedError is an answer that the manager waits for: it then
#: handles groups itself, or knows that there is no replication.
MAY_BE_STUBS = frozenset((
    'create_group', 'delete_group', 'update_group', 'create_group_from_src',
    'create_group_snapshot', 'delete_group_snapshot',
    'create_consistencygroup', 'delete_consistencygroup',
    'update_consistencygroup', 'create_consistencygroup_from_src',
    'create_cgsnapshot', 'delete_cgsnapshot',
    'enable_replication', 'disable_replication', 'failover_replication',
    'failover_completed', 'failover_host', 'failover'))

#: Calls that no ``self.driver.X(...)`` in the manager shows: existing_ref
#: and force are given by name elsewhere, the base class calls its own.
CALLS_BESIDES = (
    ('terminate_connection', 2, ('force',)),
    ('manage_existing', 1, ('existing_ref',)),
    ('manage_existing_get_size', 1, ('existing_ref',)),
    ('manage_existing_snapshot', 0, ('snapshot', 'existing_ref')),
    ('manage_existing_snapshot_get_size', 0, ('snapshot', 'existing_ref')),
    ('migrate_volume', 3, ()),
    ('get_volume_stats', 0, ('refresh',)),
    ('copy_image_to_volume', 4, ('disable_sparse',)),
    ('copy_image_to_encrypted_volume', 4, ('disable_sparse',)),
    ('create_cloned_volume', 2, ()),
    ('before_volume_copy', 3, ('remote',)),
    ('after_volume_copy', 3, ('remote',)),
)


def interface_functions(interface=volume_driver.VolumeDriverCore):
    """name -> function, of one interface class of Cinder."""
    return {name: value for name, value in vars(interface).items()
            if inspect.isfunction(value)}


def manager_calls():
    """(name, number of positional arguments, keywords), as Cinder calls."""
    root = pathlib.Path(cinder.__file__).parent / 'volume'
    sources = [root / 'manager.py', *(root / 'flows/manager').glob('*.py')]
    calls = set(CALLS_BESIDES)
    for source in sources:
        for node in ast.walk(ast.parse(source.read_text())):
            if _is_driver_call(node):
                calls.add((node.func.attr, len(node.args),
                           tuple(word.arg for word in node.keywords)))
    return sorted(calls)


def _is_driver_call(node):
    return (isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Attribute)
            and node.func.value.attr == 'driver'
            and not any(isinstance(arg, ast.Starred) for arg in node.args)
            and not any(word.arg is None for word in node.keywords))


def is_stub(function):
    """Whether a function does nothing but raise NotImplementedError."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(statement, ast.Raise)
               and 'NotImplemented' in ast.dump(statement)
               for statement in tree.body[0].body)


def faults(cls):
    """All the ways in which a class breaks the contract, as sentences."""
    found = []
    wanted = sorted(set(interface_functions()) | set(BESIDES))
    for name in wanted:
        found += _missing_or_stub(cls, name)
    for interface in (volume_driver.VolumeDriverCore, *MORE):
        for name, function in sorted(interface_functions(interface).items()):
            found += _missing_or_stub(cls, name)
            found += _binds(cls, name, *_arguments_of(function))
    for name, count, keywords in manager_calls():
        if name not in MAY_BE_STUBS:
            found += _missing_or_stub(cls, name)
            found += _binds(cls, name, count, keywords)
    return sorted(set(found))


def _arguments_of(function):
    """How many arguments the interface lets a caller pass by position."""
    return len(inspect.signature(function).parameters) - 1, ()


def _missing_or_stub(cls, name):
    method = inspect.getattr_static(cls, name, None)
    if method is None:
        return ['%s is missing' % name]
    function = getattr(method, '__func__', method)
    if inspect.isfunction(function) and is_stub(inspect.unwrap(function)):
        return ['%s is a NotImplementedError stub of %s'
                % (name, function.__qualname__)]
    return []


def _binds(cls, name, count, keywords):
    method = inspect.getattr_static(cls, name, None)
    if not inspect.isfunction(method):
        return []       # missing (said elsewhere), or a property
    try:
        inspect.signature(method).bind(None, *[None] * count,
                                       **dict.fromkeys(keywords))
    except TypeError as err:
        return ['%s does not take %d arguments and %s: %s'
                % (name, count, list(keywords), err)]
    return []


def base_stubs():
    """Stubs of Cinder's own base class: the test must see them there."""
    return [fault for fault in faults(base.VolumeDriver) if 'stub' in fault]
