# SPDX-License-Identifier: Apache-2.0
"""What the MN's commands reach through an ssh hop to a zHCP."""

SMCLI = '/opt/zhcp/bin/smcli'
NO_SSH = 255


def smapi(host, function, userid, **arguments):
    """smcli on the zHCP: (exit status of ssh, text)."""
    if not host.reachable:
        return NO_SSH, ''
    result = host.lpar.smapi(function, userid, **arguments)
    return (1 if result.rc else 0), result.text


def cp(host, command):
    """vmcp on the zHCP: its standard output, '' when it is not reached."""
    if not host.reachable:
        return ''
    return host.lpar.cp(host.lpar.zhcp_userid, command)[1]


def failure(host, node, status, command):
    """The message of a hop that failed with that exit status."""
    start = 'Node: %s (Error) In inventoryHypervisor(), ' % node
    hop = 'ssh root@%s " %s"' % (host.zhcp_hostname, command)
    if status == NO_SSH:
        return start + ('SSH communication to %s failed for command: %s'
                        % (host.zhcp_hostname, hop))
    return start + ('command to %s failed with return code %d for: %s'
                    % (host.zhcp_hostname, status, hop))
