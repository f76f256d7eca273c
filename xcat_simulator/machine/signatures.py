# SPDX-License-Identifier: Apache-2.0
"""What stands on a disk's first sectors: file systems, swap, LVM, tables.

The magic numbers, UUIDs and labels are where Linux has them, so that blkid
of a real Linux would say the same. A file system has no more than that: it
is empty, and files below its mount point are the node's own.
"""
import os
import struct
import uuid

EXT, XFS, SWAP, LVM = 'ext4', 'xfs', 'swap', 'LVM2_member'
PAGE = 4096
# Where each begins with what, what it is, and where UUID and label are.
_KNOWN = (
    (EXT, 1080, b'\x53\xef', 1128, 1144, 16),
    (XFS, 0, b'XFSB', 32, 108, 12),
    (SWAP, PAGE - 10, b'SWAPSPACE2', 1036, 1052, 16),
    (LVM, 512, b'LABELONE', 0, 0, 0),
)
_TABLES = (('gpt', 512, b'EFI PART'), ('dos', 510, b'\x55\xaa'))
_MEMBER = 536  # "LVM2 001", then the volume's identifier
_LONGEST = 65536


def probe(path):
    """{TYPE, UUID, LABEL, PTTYPE} as far as the disk has them."""
    with open(path, 'rb') as disk:
        head = disk.read(PAGE).ljust(PAGE, b'\0')
    for name, at, magic, uuid_at, label_at, size in _KNOWN:
        if head[at:at + len(magic)] != magic:
            continue
        found = {'TYPE': name}
        if name == LVM:
            found['UUID'] = _dashed(head[_MEMBER + 8:_MEMBER + 40].decode(
                'ascii', 'replace'))
            return found
        found['UUID'] = str(uuid.UUID(bytes=head[uuid_at:uuid_at + 16]))
        label = head[label_at:label_at + size].rstrip(b'\0')
        if label:
            found['LABEL'] = label.decode('utf-8', 'replace')
        return found
    for name, at, magic in _TABLES:
        if head[at:at + len(magic)] == magic:
            return {'PTTYPE': name}
    return {}


def make(path, kind, label='', identifier=None):
    """Write a signature of this kind over any other; returns the UUID."""
    erase(path)
    identifier = identifier or str(uuid.uuid4())
    _name, at, magic, uuid_at, label_at, size = next(
        known for known in _KNOWN if known[0] == kind)
    with open(path, 'r+b') as disk:
        if kind == EXT:
            # has a journal; extents
            _put(disk, 1024 + 92, struct.pack('<II', 4, 0x40))
        if kind == XFS:
            _put_xfs(disk, os.path.getsize(path) // PAGE)
        if kind == SWAP:
            pages = os.path.getsize(path) // PAGE
            _put(disk, 1024, struct.pack('<II', 1, pages - 1))
        _put(disk, uuid_at, uuid.UUID(identifier).bytes)
        _put(disk, label_at, label.encode()[:size])
        _put(disk, at, magic)
    return identifier


def _put_xfs(disk, pages):
    """The numbers without which blkid takes it for no file system."""
    _put(disk, 4, struct.pack('>IQ', PAGE, pages))
    # extent size, one allocation group of so many blocks
    _put(disk, 80, struct.pack('>III', 1, pages, 1))
    # version 4, sectors and inodes of 512 bytes, 8 inodes a block
    _put(disk, 100, struct.pack('>HHHH', 4, 512, 512, 8))
    # the same as powers of two; a quarter may be inodes
    _put(disk, 120, bytes((12, 9, 9, 3, 0, 0, 0, 25)))


def erase(path):
    """Remove every signature (wipefs -a); returns what was there."""
    found = probe(path)
    with open(path, 'r+b') as disk:
        for _name, at, magic, uuid_at, label_at, size in _KNOWN:
            _put(disk, at, bytes(len(magic)))
            if uuid_at:
                _put(disk, uuid_at, bytes(16))
                _put(disk, label_at, bytes(size))
        for _name, at, magic in _TABLES:
            _put(disk, at, bytes(len(magic)))
    return found


def write_member(path, identifier, text):
    """Make a disk an LVM volume with this text as its metadata."""
    erase(path)
    data = text.encode()
    if len(data) >= _LONGEST:
        raise ValueError('the metadata is too long')
    with open(path, 'r+b') as disk:
        _put(disk, 512, b'LABELONE' + struct.pack('<QII', 1, 0, 32)
             + b'LVM2 001' + identifier.replace('-', '').encode())
        _put(disk, 4608, data + b'\0')


def read_member(path):
    """(identifier, metadata) of an LVM volume; None when it is none."""
    with open(path, 'rb') as disk:
        head = disk.read(PAGE)
        if head[512:520] != b'LABELONE':
            return None
        disk.seek(4608)
        text = disk.read(_LONGEST).split(b'\0', 1)[0]
    return (_dashed(head[_MEMBER + 8:_MEMBER + 40].decode('ascii', 'replace')),
            text.decode('utf-8', 'replace'))


def new_identifier():
    """LVM's form of a random identifier."""
    return _dashed(uuid.uuid4().hex)


def _dashed(text):
    cuts = (0, 6, 10, 14, 18, 22, 26, 32)
    return '-'.join(text[a:b] for a, b in zip(cuts, cuts[1:]))


def _put(disk, at, data):
    disk.seek(at)
    disk.write(data)
