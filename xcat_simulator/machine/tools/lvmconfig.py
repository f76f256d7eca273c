# SPDX-License-Identifier: Apache-2.0
"""lvmconfig: the settings that count here, all or those that are named."""
from xcat_simulator.machine import keepoff
from xcat_simulator.machine.tools import usage

WRONG = 3
_LONG = ['type=', 'typeconfig=', 'config=', 'mergedconfig', 'valuesonly']


def lvmconfig(node, request):
    """Exit status 5 for a setting that is not known here."""
    _chosen, words = usage.options(request.arguments, 'v', _LONG, WRONG)
    found = keepoff.lvm_settings(node)
    if not words:
        return 0, ''.join('%s {\n%s}\n' % (section, ''.join(
            '\t%s=%s\n' % pair for pair in keys.items()))
            for section, keys in found.items()), ''
    out = ''
    for word in words:
        section, _, key = word.partition('/')
        if key not in found.get(section, {}):
            return 5, out, '  Configuration node %s not found\n' % word
        out += '%s=%s\n' % (key, found[section][key])
    return 0, out, ''
