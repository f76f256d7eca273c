# SPDX-License-Identifier: Apache-2.0
"""The simulator's own certificate authority, made anew at each start."""

import ipaddress
import os
import ssl

import trustme

from xcat_simulator.machine import whole

NAMES = ('localhost', '127.0.0.1')


def names_for(address):
    """The names that a client on `address` may use for the server."""
    try:
        unusable = ipaddress.ip_address(address).is_unspecified
    except ValueError:
        unusable = False
    if unusable or address in NAMES:
        return NAMES
    return NAMES + (address,)


def make(folder, names=NAMES):
    """Make a CA and a server certificate for `names` (host names, addresses).

    Writes the CA's certificate to `folder`/ca.pem; no key stays on disk.
    Returns the server's SSLContext (TLS 1.2 or newer).
    """
    authority = trustme.CA(organization_name='zvm-simulator')
    server = authority.issue_cert(*names)
    whole.write(os.path.join(folder, 'ca.pem'), authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    server.configure_cert(context)
    return context
