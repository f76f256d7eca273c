# SPDX-License-Identifier: Apache-2.0
"""Node definitions: lsdef, mkdef, rmdef, lsxcatd."""

import functools
import getopt
import re

from xcat_simulator.mn import reply

NONE_FOUND = 'No object definitions have been found'
MISSING = "Could not find an object named '%s' of type 'node'."
EXISTS = ("A definition for '%s' already exists. No changes will be made.  "
          "Run again with '-f' option to force replace.")
MADE = '%d object definitions have been created or modified.'
NO_GROUPS = ("Attribute 'groups' is not specified for node '%s', skipping to "
             "the next node.")
NO_DOT = "The object name '%s' is invalid, Cannot use '.' in node name."
BAD_NAME = ("The object name '%s' is invalid, please refer to \"man xcatdb\" "
            'for the valid "xCAT Object Name Format"')
NO_NAMES = 'No object names were provided.'
NAME = re.compile(r'[A-Za-z0-9_-]+\Z')


def lsxcatd(world, command):
    return [{'data': [world.version]}]


def _with_options(function):
    """The command with its options -t, -o, -i and other words read."""
    @functools.wraps(function)
    def wrapped(world, command):
        try:
            given, rest = getopt.gnu_getopt(command.args, 't:o:i:')
        except getopt.GetoptError:
            return [reply.error('Invalid option..')]
        return function(world, dict(given), rest)
    return wrapped


def _names(options):
    return [name for name in options.get('-o', '').split(',') if name]


@_with_options
def lsdef(world, options, rest):
    if '-o' not in options:
        names = world.nodes.names()
        count = [str(len(names))]
        if not names:
            return [reply.info(NONE_FOUND, numofnodes=count)]
        if '-i' not in options:
            return [{'info': ['%s  (node)' % name for name in names],
                     'numofnodes': count}]
    else:
        names = _names(options)
        count = [str(len(names))]
    answer, lines = [], []
    for name in names:
        attributes = world.nodes.get(name)
        if attributes is None:
            answer.append(reply.error(MISSING % name))
        else:
            lines += _described(name, attributes, options.get('-i'))
    return answer + [{'info': lines or [NONE_FOUND], 'numofnodes': count}]


def _described(name, attributes, wanted):
    keys = sorted(wanted.split(',') if wanted else attributes)
    return ['Object name: %s' % name] + [
        '    %s=%s' % (key, attributes.get(key, '')) for key in keys]


@_with_options
def mkdef(world, options, pairs):
    if not _names(options):
        return [reply.error(NO_NAMES)]
    attributes = dict(pair.split('=', 1) for pair in pairs if '=' in pair)
    attributes = {key: value for key, value in attributes.items() if value}
    answer, made = [], 0
    for name in _names(options):
        problem = _problem(name, attributes)
        if problem:
            answer.append(reply.error(problem))
        elif world.nodes.define(name, attributes):
            world.local.learn(name)
            made += 1
        else:
            answer.append({'warning': [EXISTS % name]})
    if made:
        return answer + [reply.info(MADE % made, numofnodes=[str(made)])]
    return answer + [reply.error(MADE % 0, numofnodes=['0'])]


def _problem(name, attributes):
    if '.' in name:
        return NO_DOT % name
    if not NAME.match(name):
        return BAD_NAME % name
    if 'groups' not in attributes:
        return NO_GROUPS % name
    return None


@_with_options
def rmdef(world, options, rest):
    names = _names(options)
    if not names:
        return [reply.error(NO_NAMES)]
    answer, removed = [], 0
    for name in names:
        if world.nodes.remove(name):
            removed += 1
        else:
            answer.append(reply.error(MISSING % name))
    text = 'No objects have been removed from the xCAT database.'
    if removed:
        text = '%d object definitions have been removed.' % removed
    return answer + [reply.info(text, numofnodes=[str(len(names))])]
