# SPDX-License-Identifier: Apache-2.0
"""Images: what is asked of the two ends, and what they say."""

import contextlib
import types

from cinder import exception
import fixtures

from cinder_zvm import imageop
from tests.unit.cinder import base
from tests.unit.cinder import fakes
from zvm_common import exceptions
from zvm_common import stream

TOKEN = 'ab' * 32
GIB = 1024 ** 3
IMAGE = {'id': '77777777-2222-4333-8444-555555555555', 'disk_format': 'raw'}


class Ends:
    """Both ends of a transfer, in place of stream and streams.

    ``here`` and ``there`` are what they say at the end; exceptions are
    raised.
    """

    def __init__(self, pool):
        self.pool = pool
        self.here = self.there = stream.Outcome(10 * GIB, 'c' * 64)
        self.address = '192.0.2.7'      # as the zHCP tells it
        self.begun = None
        self.calls = []

    # zvm_common.stream

    @contextlib.contextmanager
    def endpoint(self, direction, path, address, ports, seconds, peer,
                 limit=None):
        self.peer = peer
        self.calls.append(('open', direction, address, ports, seconds,
                           limit))
        yield types.SimpleNamespace(
            address=address, port=4433, pin='p' * 43,
            admit=lambda *args: self.calls.append(('admit', *args)),
            result=lambda timeout: _said(self.here))
        self.calls.append(('closed',))

    # zvm_common.pool.streams

    def fill(self, pool, lun, *args):
        return self._begin('fill', lun, args)

    def send(self, pool, lun, *args):
        return self._begin('send', lun, args)

    def _begin(self, name, lun, args):
        self.calls.append((name, *args[:-1]))
        _said(self.begun)
        self.pool.change(lun, generation=lun.generation + 2)
        return types.SimpleNamespace(token=TOKEN, address=self.address)

    def outcome(self, lun, operation):
        return _said(self.there)


def _said(value):
    if isinstance(value, Exception):
        raise value
    return value


class ImagesTestCase(base.DriverTestCase):

    def setUp(self):
        super().setUp()
        self.ends = Ends(self.pool)
        for place, fake in (
                ('stream.Endpoint', self.ends.endpoint),
                ('streams.fill', self.ends.fill),
                ('streams.send', self.ends.send),
                ('streams.outcome', self.ends.outcome),
                ('raw_image', self._raw),
                ('volume_utils.upload_volume', self._upload)):
            self.useFixture(fixtures.MonkeyPatch(
                'cinder_zvm.imageop.' + place, fake))
        self.volume = fakes.volume(10)
        self.driver.create_volume(self.volume)
        self.uploaded, self.updated = [], []

    @contextlib.contextmanager
    def _raw(self, *_args):
        yield '/images/raw'

    def _upload(self, _context, _service, meta, path, volume, run_as_root):
        self.assertFalse(run_as_root)
        self.uploaded.append(meta['id'])

    def fill(self):
        self.driver.copy_image_to_volume(None, self.volume, None,
                                         IMAGE['id'])

    def send(self):
        service = types.SimpleNamespace(
            update=lambda *args, **_: self.updated.append(args[1:]))
        self.driver.copy_volume_to_image(None, self.volume, service, IMAGE)

    def error(self, call):
        return str(self.assertRaises(exception.VolumeBackendAPIException,
                                     call))


class TransferTest(ImagesTestCase):

    options = {'zvm_stream_address': '192.0.2.1',
               'zvm_stream_ports': '49152-49160'}

    def test_the_zhcp_comes_with_its_token_from_its_address(self):
        self.fill()
        self.assertEqual([
            ('open', 'fill', '192.0.2.1', (49152, 49160), 86400, None),
            ('fill', '192.0.2.1', 4433, 'p' * 43, 86400),
            ('admit', TOKEN, '192.0.2.7'), ('closed',)], self.ends.calls)
        self.assertIn('SHA-256 ' + 'c' * 64, self.log.output)
        self.assertNotIn(TOKEN, self.log.output)

    def test_an_address_that_is_set_counts_more(self):
        self.driver = self.make_driver(zvm_zhcp_address='198.51.100.9')
        self.driver.do_setup(None)
        self.send()
        self.assertIn(('admit', TOKEN, '198.51.100.9'), self.ends.calls)
        self.assertEqual('198.51.100.9', self.ends.peer)

    def test_a_zhcp_without_address_is_told_of(self):
        self.ends.address = ''
        self.assertIn('set zvm_zhcp_address', self.error(self.fill))

    def test_a_volume_is_sent_in_its_size(self):
        self.send()
        self.assertEqual(10 * GIB, self.ends.calls[0][-1])
        self.assertEqual(('send', 10 * GIB), self.ends.calls[1][:2])
        self.assertEqual(([IMAGE['id']], []), (self.uploaded, self.updated))

    def test_more_than_its_size_needs_a_larger_volume(self):
        self.ends.here = self.ends.there = stream.Outcome(
            10 * GIB + 512, 'c' * 64)
        self.send()
        self.assertEqual([(IMAGE['id'], {'min_disk': 11})], self.updated)


class FailureTest(ImagesTestCase):

    def test_both_ends_say_why(self):
        self.ends.there = exceptions.StreamFailed('curl: (18) cut')
        self.ends.here = exceptions.StreamFailed('no space left in /x')
        error = self.error(self.send)
        for word in ('curl: (18) cut', 'no space left in /x'):
            self.assertIn(word, error)
        self.assertEqual([], self.uploaded)

    def test_one_end_says_why(self):
        self.ends.there = exceptions.StreamFailed('curl: (18) cut')
        self.assertIn('curl: (18) cut', self.error(self.fill))

    def test_ends_that_do_not_agree(self):
        for other in (stream.Outcome(10 * GIB, 'd' * 64),
                      stream.Outcome(10 * GIB - 512, 'c' * 64)):
            self.ends.here = other
            self.assertIn('do not agree', self.error(self.send))
        self.assertEqual([], self.uploaded)

    def test_what_did_not_begin_leaves_no_endpoint(self):
        self.ends.begun = exceptions.StaleGeneration('now at 7')
        self.assertIn('now at 7', self.error(self.fill))
        self.assertEqual('open', self.ends.calls[0][0])

    def test_one_whose_answer_was_lost_can_not_come_late(self):
        for lost in (exceptions.OutcomeUnknown('no answer'),
                     exceptions.BadAnswer('an answer cut off')):
            self.ends.begun = lost
            for call in self.fill, self.send:
                before = self.pool.count('cancel')
                self.assertIn(lost.message, self.error(call))
                self.assertEqual(before + 1, self.pool.count('cancel'))

    def test_nobody_knows_whether_it_comes(self):
        self.ends.begun = exceptions.OutcomeUnknown('no answer')
        self.pool.before['cancel'] = [exceptions.ZhcpDown('down')]
        self.assertIn('no answer', self.error(self.fill))
        self.assertIn('an image is on its way in pool zpool1',
                      self.log.output)

    def test_an_attached_volume_is_not_opened(self):
        self.pool.change(self.pool.of(self.volume.name_id), state='used',
                         userid='LNX00001', host='host')
        for call in self.fill, self.send:
            error = self.assertRaises(exception.VolumeIsBusy, call)
            self.assertIn('LNX00001', str(error))
        self.assertEqual([], self.ends.calls)

    def test_a_volume_that_is_deleted_meanwhile(self):
        self.pool.before['wait'] = [lambda: self.pool.change(
            self.pool.of(self.volume.name_id), volume_id=None, state='free')]
        self.assertIn('deleted meanwhile', self.error(self.fill))


class ProbeTest(ImagesTestCase):

    def test_set_up_goes_on_with_a_warning(self):
        def probe(*args):
            raise exceptions.StreamFailed('curl: (7) refused')
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.imageop.Transfers.probe', probe))
        self.driver.check_for_setup_error()
        self.assertIn('curl: (7) refused', self.log.output)
        self.assertIn('Everything else works', self.log.output)


class DamagedTest(base.DriverTestCase):
    """What qemu-img check says, and what is made of it."""

    def damaged(self, said):
        self.useFixture(fixtures.MonkeyPatch(
            'cinder_zvm.imageop.utils.execute',
            lambda *_args, **_more: (said, '')))
        return imageop._is_damaged('/file', 'qcow2')

    def test_corruptions_and_nonsense(self):
        for said in ('{"corruptions": 3}', '{"check-errors": 1}', '{"cor'):
            self.assertTrue(self.damaged(said), said)

    def test_sound_leaking_or_not_to_be_checked(self):
        for said in ('{"check-errors": 0}', '{"leaks": 3}', ''):
            self.assertFalse(self.damaged(said), said)
