# SPDX-License-Identifier: Apache-2.0
"""A checked text, the base of most values."""

import dataclasses
import re
import typing

from zvm_common import exceptions


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Text:
    """A text in canonical form that matches its class's pattern.

    Compares and sorts with values of its own class only. Making one of one
    (``Wwpn(wwpn)``) gives an equal value.
    """

    value: str

    WHAT: typing.ClassVar[str] = 'Value'
    RULE: typing.ClassVar[str] = ''
    #: Matched in full against the text as given, before it is made canonical.
    PATTERN: typing.ClassVar[re.Pattern]

    def __post_init__(self):
        given = self.value
        if type(given) is type(self):
            given = given.value
        if not isinstance(given, str) or not self.PATTERN.fullmatch(given):
            raise self._wrong(given)
        canonical = self._canonical(given)
        if not self._sound(canonical):
            raise self._wrong(given)
        object.__setattr__(self, 'value', canonical)

    def __str__(self):
        return self.value

    @staticmethod
    def _canonical(text):
        return text

    @staticmethod
    def _sound(_text):
        """Whether it keeps those rules that no pattern can say."""
        return True

    @classmethod
    def _wrong(cls, value):
        return exceptions.InvalidValue(value, cls.RULE, cls.WHAT)
