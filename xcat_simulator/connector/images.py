# SPDX-License-Identifier: Apache-2.0
"""The connector's image repository: what it knows of each image."""

import hashlib
import os
import threading
import time
import urllib.parse

from xcat_simulator.connector import envelope
from xcat_simulator import kept
from xcat_simulator.machine import distro

# A 3390 model 3: what the smallest images of the documentation need.
CYLINDERS = '3338'
# Not text, as no disk is.
CONTENT = b'a captured root disk\n\x80\xff\x00'
DEFAULT_DISTRO = 'rhel9'


def distro_for(version):
    """The simulated distribution for an os_version such as rhel9.2."""
    try:
        distro.find(str(version or '').lower())
    except ValueError:
        return DEFAULT_DISTRO
    return version.lower()


class Images(kept.Kept):
    def __init__(self):
        self._images = {}
        self._lock = threading.Lock()

    def described(self):
        return self._images

    def restore(self, found):
        self._images = found

    def query(self, name=None):
        """All images, or a list with the one; 404 for an unknown one."""
        if name is not None:
            return [self._get(name)]
        with self._lock:
            return list(self._images.values())

    def _get(self, name):
        with self._lock:
            found = self._images.get(name)
        if found is None:
            raise envelope.Refusal(envelope.MISSING,
                                   'Image %s does not exist' % name)
        return dict(found)

    def distro_of(self, name):
        return distro_for(self._get(name)['imageosdistro'])

    def root_disk_size(self, name):
        return self._get(name)['disk_size_units'].partition(':')[0]

    def load(self, body):
        """POST /images: take over the file at url."""
        image = envelope.part(body, 'image', dict)
        name = envelope.part(image, 'image_name', str)
        meta = envelope.part(image, 'image_meta', dict)
        path = _local(envelope.part(image, 'url', str))
        try:
            with open(path, 'rb') as stream:
                content = hashlib.file_digest(
                    stream, lambda: hashlib.md5(usedforsecurity=False))
            size = os.path.getsize(path)
        except OSError as e:
            raise envelope.Refusal(envelope.FAILED, 'Image import failed: %s'
                                   % e) from e
        self._add(name, meta.get('os_version') or meta.get('os_distro') or '',
                  content.hexdigest(), size)

    def capture(self, name, version):
        """Make an image of a guest's root disk."""
        digest = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
        self._add(name, version, digest, len(CONTENT))

    def _add(self, name, version, digest, size):
        image = {'imagename': name, 'imageosdistro': version,
                 'md5sum': digest, 'disk_size_units': CYLINDERS + ':CYL',
                 'image_size_in_bytes': str(size), 'type': 'rootonly',
                 'comments': None, 'last_access_time': time.time()}
        with self._lock:
            if name in self._images:
                raise envelope.Refusal(envelope.CONFLICT,
                                       'Image %s already exists' % name)
            self._images[name] = image
            self.changed()

    def export(self, name, body):
        """PUT /images/ID: a file at dest_url, which must not be there."""
        image = self._get(name)
        location = envelope.part(body, 'location', dict)
        url = envelope.part(location, 'dest_url', str)
        try:
            with open(_local(url), 'xb') as stream:
                stream.write(CONTENT)
        except OSError as e:
            raise envelope.Refusal(envelope.FAILED, 'Image export failed: %s'
                                   % e) from e
        return {'image_name': name, 'image_path': url,
                'os_version': image['imageosdistro'],
                'md5sum': image['md5sum'], 'comments': None}

    def delete(self, name):
        self._get(name)
        with self._lock:
            self._images.pop(name, None)
            self.changed()


def _local(url):
    parsed = urllib.parse.urlparse(url)
    if parsed.scheme != 'file' or not parsed.path:
        raise envelope.Refusal(envelope.BAD_REQUEST,
                               'Image url must begin with file://')
    return urllib.parse.unquote(parsed.path)
