# SPDX-License-Identifier: Apache-2.0
"""Nova finds the driver in an installed wheel, and only there.

Nova imports ``nova.virt.<compute_driver>`` from its own package, so ours has
to lie in the same site-packages.  These tests fail where the distribution is
not installed from a wheel; an editable install is not enough.

The driver is loaded in a process of its own that cannot see this source
tree, so what is loaded is what the wheel brought.
"""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile

import fixtures
import testtools

from tests.functional.nova import lpars

SCRIPT = '''
import json, os, sys
from nova import monkey_patch
monkey_patch.patch(backend='threading')
import nova
import nova.conf
from nova_zvm_volume import opts
from nova.virt import driver
conf = nova.conf.CONF
conf([], project='nova', default_config_files=[])
opts.register(conf)
given = json.load(sys.stdin)
conf.set_override('instance_name_template', 'zvm%05x')
conf.set_override('host', 'compute1')
for name, value in given.items():
    conf.set_override(name, value, 'zvm')
made = driver.load_compute_driver(None, 'zvm_volume.ZVMVolumeDriver')
made.init_host('compute1')
import nova.virt.zvm_volume
import nova_zvm_volume, zvm_common
print(json.dumps({
    'class': type(made).__name__,
    'module': type(made).__module__,
    'nova': os.path.dirname(nova.__file__),
    'files': [module.__file__ for module in (
        nova.virt.zvm_volume, nova_zvm_volume, zvm_common)],
    'nodes': made.get_available_nodes()}))
'''


class TestWheel(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.distribution = importlib.metadata.distribution('zvm-volume')

    def test_it_is_installed_and_not_as_editable(self):
        direct = json.loads(
            self.distribution.read_text('direct_url.json') or '{}')
        self.assertFalse(direct.get('dir_info', {}).get('editable'))
        installed = {str(path) for path in self.distribution.files}
        self.assertIn('nova/virt/zvm_volume/__init__.py', installed)
        # Nova's own would be overwritten
        self.assertNotIn('nova/__init__.py', installed)
        self.assertNotIn('nova/virt/__init__.py', installed)

    def test_nova_loads_the_driver_from_it(self):
        with lpars.Lpars() as world:
            found = self._load(world.options('host1'))
            self.assertEqual(
                ('ZVMVolumeDriver', 'nova_zvm_volume.virt.zvm.driver',
                 ['HOST1']),
                (found['class'], found['module'], found['nodes']))
            site = str(self.distribution.locate_file(''))
            for path in found['files'] + [found['nova']]:
                self.assertEqual(os.path.realpath(site), os.path.realpath(
                    os.path.commonpath([site, path])))
            asked = world.simulator.requests()
        self.assertNotEqual([], [
            entry for entry in asked if entry['path'].startswith(
                '/xcatws/nodes/zhcp1/dsh')])

    def _load(self, options):
        with tempfile.TemporaryDirectory() as folder:
            # -I: no PYTHONPATH, no current folder
            done = subprocess.run(
                [sys.executable, '-I', '-c', SCRIPT], cwd=folder,
                input=json.dumps(options), capture_output=True, text=True,
                timeout=120)
        self.assertEqual(0, done.returncode, done.stderr[-3000:])
        return json.loads(done.stdout.splitlines()[-1])
