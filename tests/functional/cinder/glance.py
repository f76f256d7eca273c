# SPDX-License-Identifier: Apache-2.0
"""Glance, as far as Cinder asks it, over HTTP: images in files of a folder.

    glance = self.useFixture(Glance(folder))
    image = glance.add(path_of_a_file, disk_format='qcow2')
    glance.images[image]['status']
    glance.file(image)
"""

import json
import pathlib
import re
import shutil
import threading
import uuid

import fixtures

from http import server

from tests.functional.cinder import harness

_IMAGE = re.compile(r'/v2/images/(?P<id>[0-9a-f-]{36})(?P<file>/file)?')
_PIECE = 1 << 20
# What is Glance's own; all else that Cinder sends are the user's properties.
_NEW = {'status': 'queued', 'container_format': 'bare',
        'disk_format': 'raw', 'visibility': 'private', 'name': 'image',
        'min_disk': 0, 'min_ram': 0, 'size': None, 'checksum': None,
        'virtual_size': None, 'tags': [], 'protected': False,
        'owner': harness.PROJECT, 'locations': [],
        'created_at': '2026-01-01T00:00:00Z',
        'updated_at': '2026-01-01T00:00:00Z'}
_SCHEMA = {'name': 'image', 'additionalProperties': True,
           'properties': {name: {} for name in ('id', *_NEW)}}


class Glance(fixtures.Fixture):
    """`server` is what glance_api_servers is to be.

    `images` are Glance's records by id; a test may change them, to be told
    lies by a Glance.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.images = {}

    def _setUp(self):
        found = server.ThreadingHTTPServer(('127.0.0.1', 0), _Handler)
        found.daemon_threads = True
        found.glance = self
        self.server = 'http://127.0.0.1:%d' % found.server_port
        threading.Thread(target=found.serve_forever, daemon=True).start()
        self.addCleanup(found.server_close)
        self.addCleanup(found.shutdown)

    def file(self, image_id):
        """The path of what an image has."""
        return self.folder / image_id

    def add(self, path, disk_format='raw', **fields):
        """An image that is active; its id."""
        image_id = self.create(disk_format=disk_format, **fields)['id']
        shutil.copyfile(path, self.file(image_id))
        self.filled(image_id)
        return image_id

    def create(self, **fields):
        made = {'id': str(uuid.uuid4()), **_NEW, **fields}
        self.images[made['id']] = made
        return made

    def filled(self, image_id):
        """The data are there; of a sum the real Glance would tell."""
        self.images[image_id].update(
            size=self.file(image_id).stat().st_size, status='active')


class _Handler(server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_args):
        """The test looks at the images."""

    @property
    def _glance(self):
        return self.server.glance

    def _image(self):
        """(id or None, whether its data are meant), or an error is sent."""
        match = _IMAGE.fullmatch(self.path.partition('?')[0])
        if match and match['id'] in self._glance.images:
            return match['id'], bool(match['file'])
        self._answer(404, {})
        return None, False

    def _answer(self, status, body=None):
        data = b'' if body is None else json.dumps(body).encode()
        self.send_response(status)
        if data:
            self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _body(self):
        return self.rfile.read(int(self.headers['Content-Length']))

    def do_GET(self):
        if self.path.startswith('/v2/schemas'):
            self._answer(200, _SCHEMA)
            return
        if self.path == '/versions':
            self._answer(200, {'versions': [
                {'id': 'v2.17', 'status': 'CURRENT'}]})
            return
        if self.path.endswith('/locations'):
            self._answer(200, [])
            return
        image_id, data = self._image()
        if image_id and data:
            self._send(self._glance.file(image_id))
        elif image_id:
            self._answer(200, self._glance.images[image_id])

    def _send(self, path):
        self.send_response(200)
        self.send_header('Content-Type', 'application/octet-stream')
        self.send_header('Content-Length', str(path.stat().st_size))
        self.end_headers()
        with open(path, 'rb') as stream:
            shutil.copyfileobj(stream, self.wfile, _PIECE)

    def do_POST(self):
        self._answer(201, self._glance.create(**json.loads(self._body())))

    def do_PUT(self):
        image_id, _ = self._image()
        if not image_id:
            return
        try:
            with open(self._glance.file(image_id), 'wb') as stream:
                for piece in self._pieces():
                    stream.write(piece)
        except ValueError:      # it has died
            self.close_connection = True
            return
        self._glance.filled(image_id)
        self._answer(204)

    def _pieces(self):
        if 'Content-Length' in self.headers:
            yield self._body()
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def do_PATCH(self):
        image_id, _ = self._image()
        if not image_id:
            return
        image = self._glance.images[image_id]
        for change in json.loads(self._body()):
            name = change['path'].lstrip('/')
            if change['op'] == 'remove':
                image.pop(name, None)
            else:
                image[name] = change['value']
        self._answer(200, image)

    def do_DELETE(self):
        image_id, _ = self._image()
        if image_id:
            self._glance.images.pop(image_id)
            self._answer(204)
