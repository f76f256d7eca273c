# SPDX-License-Identifier: Apache-2.0
"""The endpoint's half of TLS: a key for one transfer, known by its PIN.

No authority vouches for the certificate. The peer knows the PIN, the SHA-256
of the public key, from cinder-volume by way of the management node; so nobody
else's key passes for this one, and no certificate has to be laid on any host.
"""

import base64
import datetime
import hashlib
import os
import ssl

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography import x509

_CIPHERS = 'ECDHE+AESGCM:ECDHE+CHACHA20'


def identity():
    """A new key with its certificate.

    :returns: (ssl.SSLContext of a server, PIN: base64url without padding of
        the SHA-256 of the SubjectPublicKeyInfo, 43 characters)
    """
    key, pin = _key()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_CIPHERS)
    # Tickets would lie unread at a peer that only sends, and make its close
    # a reset.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    _load(context, key)
    return context, pin


def _key():
    """A key and its PIN; no command takes the PIN for an option."""
    while True:
        key = ec.generate_private_key(ec.SECP256R1())
        pin = _pin(key)
        if not pin.startswith('-'):
            return key, pin


def _pin(key):
    public = key.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(public).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b'=').decode()


def _certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME,
                                         'zvm-volume')])
    now = datetime.datetime.now(datetime.timezone.utc)
    # The clocks of z/VM and this host may differ.
    margin = datetime.timedelta(days=30)
    return (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - margin).not_valid_after(now + margin)
            .sign(key, hashes.SHA256()))


def _load(context, key):
    """Give key and certificate to OpenSSL, which takes them from a file.

    The file is in memory and this process's alone: it has no name that
    another could open, and is gone with its descriptor.
    """
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption())
    pem += _certificate(key).public_bytes(serialization.Encoding.PEM)
    fd = os.memfd_create('zvm-volume-key', os.MFD_CLOEXEC)
    try:
        os.fchmod(fd, 0o600)
        os.write(fd, pem)
        context.load_cert_chain('/proc/self/fd/%d' % fd)
    finally:
        os.close(fd)
