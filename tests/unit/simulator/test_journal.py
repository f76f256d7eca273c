# SPDX-License-Identifier: Apache-2.0
"""What the journal keeps, and what never gets into it."""

import urllib.parse

from hypothesis import given
from hypothesis import strategies
import testtools

from xcat_simulator import httpd
from xcat_simulator import journal

SECRET = 'h4rd-t0-gu355'


def request(target='/xcatws/nodes', body=b''):
    return httpd.Request('GET', target, {'password': SECRET}, body,
                         '127.0.0.1')


class MaskTest(testtools.TestCase):

    def test_the_user_stays_and_the_password_goes(self):
        self.assertEqual(
            '/xcatws/nodes?userName=admin&password=***&format=json',
            journal.mask_target('/xcatws/nodes?userName=admin&password='
                                + SECRET + '&format=json'))

    def test_any_spelling_of_the_key_is_masked(self):
        for key in ('Password', '%70assword', 'pass%77ord', 'PW', 'token'):
            masked = journal.mask_target('/x?%s=%s' % (key, SECRET))
            self.assertNotIn(SECRET, masked)

    def test_what_follows_a_semicolon_is_masked_too(self):
        masked = journal.mask_target('/x?a=1;password=%s;b=2' % SECRET)
        self.assertNotIn(SECRET, masked)
        self.assertTrue(masked.startswith('/x?a=1;password='))

    def test_a_password_with_a_semicolon_is_masked_whole(self):
        self.assertNotIn(SECRET, journal.mask_target(
            '/x?password=first;%s' % SECRET))

    def test_passwords_of_a_body_are_masked(self):
        for text in ('["remotepasswd=%s"]', '{"password": "%s"}',
                     '["password=%s", "userid=X"]', '["pw=%s"]'):
            body = (text % SECRET).encode()
            self.assertNotIn(SECRET, journal.mask_body(body))

    def test_a_long_body_is_cut(self):
        body = journal.mask_body(b'x' * 100000)
        self.assertLess(len(body), 2 * journal.MAX_BODY)
        self.assertIn('100000', body)

    def test_a_body_that_is_no_text_is_kept_readable(self):
        self.assertIn('\ufffd', journal.mask_body(b'\xff\xfe'))

    @given(strategies.text(min_size=6), strategies.text())
    def test_no_password_survives_in_a_query(self, password, other):
        secret = 'S' + password + 'S'
        query = urllib.parse.urlencode({'o': other, 'password': secret})
        masked = urllib.parse.unquote_plus(
            journal.mask_target('/xcatws/nodes?' + query))
        self.assertNotIn(secret, masked.replace(other, ''))


class JournalTest(testtools.TestCase):

    def test_a_request_is_kept_with_time_and_status(self):
        kept = journal.Journal()
        answer = kept.recording(
            lambda _: httpd.Response(403, 'text/plain', b''), 'mn')
        answer(request('/xcatws/vms/a?password=' + SECRET, b'["b"]'))

        entry, = kept.entries()
        self.assertEqual(('mn', 'GET', 403, '["b"]'), tuple(
            entry[key] for key in ('server', 'method', 'status', 'body')))
        self.assertGreaterEqual(entry['duration'], 0)
        self.assertNotIn(SECRET, str(entry))

    def test_a_request_that_crashed_is_kept_as_500(self):
        kept = journal.Journal()

        def crash(_):
            raise ValueError(SECRET)
        self.assertRaises(ValueError, kept.recording(crash, 'mn'), request())
        self.assertEqual([500], [e['status'] for e in kept.entries()])

    def test_it_can_be_emptied(self):
        kept = journal.Journal()
        kept.add(request(), 200, 0.0, 0.1)
        kept.clear()
        self.assertEqual([], kept.entries())
