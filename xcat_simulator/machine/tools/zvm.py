# SPDX-License-Identifier: Apache-2.0
"""vmcp and smcli: the ways from Linux to CP and to SMAPI."""
import os

from xcat_simulator.machine.tools import usage

# smcli's letters, where a function takes more than -T, -v, -r and -R.
_LETTERS = {
    'Image_IPL_Set_DM': {'-s': 'saved', '-l': 'load', '-p': 'parameters'},
    'Image_SCSI_Characteristics_Define_DM': {
        '-l': 'lun', '-p': 'portname', '-s': 'scptype', '-d': 'scpdata'},
}
_COMMON = {'-v': 'vdev', '-r': 'rdev', '-R': 'readonly'}
_NEEDED = {
    'Image_Device_Dedicate_DM': ('vdev', 'rdev', 'readonly'),
    'Image_Device_Dedicate': ('vdev', 'rdev', 'readonly'),
    'Image_Device_Undedicate_DM': ('vdev',),
    'Image_Device_Undedicate': ('vdev',),
}


def vmcp(node, request):
    """vmcp [-k] [-b SIZE] COMMAND; exit status 1 when CP's is not 0."""
    words = list(request.arguments)
    while words and words[0].startswith('-'):
        option = words.pop(0)
        if option in ('-b', '--buffer') and words:
            words.pop(0)
    if not words:
        raise usage.Usage('no command specified', 4)
    command = ' '.join(words)
    if '-k' not in request.arguments[:1]:
        command = command.upper()
    code, text = node.vm.lpar.cp(node.vm.userid, command)
    if code:
        return 1, text, ('Error: non-zero CP response for command \'%s\': '
                         '#%d\n' % (command, code))
    return 0, text, ''


def smcli(node, request):
    """smcli FUNCTION -T USERID ...; exit status 0, or 1 when it failed.

    The SMAPI codes are in the text: "Return Code: 204".
    """
    words = request.arguments
    if not words or words[0].startswith('-'):
        raise usage.Usage('a function is required')
    function = words[0]
    letters = {**_COMMON, **_LETTERS.get(function, {})}
    given = {}
    pairs = iter(words[1:])
    for option in pairs:
        value = next(pairs, None)
        if value is None:
            raise usage.Usage('option %s requires an argument' % option)
        if option == '-k':      # KEY=VALUE, more than once
            option, _, value = value.partition('=')
        given[letters.get(option, option)] = value
    userid = given.pop('-T', None)
    lacking = [name for name in _NEEDED.get(function, ())
               if not given.get(name)]
    if userid is None or lacking:
        return 1, '\nERROR: Missing required options\n', ''
    arguments = {name: value for name, value in given.items()
                 if name and not name.startswith('-')}
    if '-f' in given and function == 'Image_Replace_DM':
        try:
            arguments['text'] = _text(node, request, given['-f'])
        except OSError:
            return 2, '\nERROR: Failed to open file %s\n' % given['-f'], ''
    answer = node.vm.lpar.smapi(function, userid, **arguments)
    return int(answer.rc != 0), answer.text, ''


def _text(node, request, path):
    """The text of a file that a command names."""
    path = os.path.join(request.folder, path)
    return node.read_file(path, request.root)[0].decode('utf-8', 'replace')
