r"""What a stream cannot encode: a plain form where there is one, as `...` and `^2`, else an escape such as `\u03b1`.

Terminals and pipes that are not UTF-8 are met in old locales and in the logs of schedulers.
"""

from __future__ import annotations

import codecs
import io
import shlex
import sys
from os import fsencode

from mstage.errors import printable

HANDLER = "mstage"  # the name of what is done, to the codecs
_PLAIN = {
    "\u2026": "...", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00d7": "x", "\u00b7": "*", "\u00b1": "+-",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2264": "<=", "\u2265": ">=", "\u2260": "!=",
    "\u2248": "~", "\u2192": "->", "\u2190": "<-", "\u221e": "inf", "\u00b0": "deg", "\u2016": "||", "\u00b5": "u",
    "\u2022": "*", "\u2500": "-", "\u2501": "-", "\u2578": "-", "\u257a": "-", "\u2502": "|", "\u253c": "+",
} | dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", [f"^{digit}" for digit in range(10)], strict=True))  # fmt: skip


def adapt_streams() -> None:
    """Let stdout and stderr of the process write everything, whatever their encoding is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def fitted(text: str, encoding: str) -> str:
    """A text as it comes out of a stream of some encoding, for a layout that counts its characters."""
    return text if text.isascii() else text.encode(encoding, HANDLER).decode(encoding)


def shell_word(text: str) -> str:
    r"""A word that can be pasted into a shell: quoted where it has to be, as `$'a\x1b'` if it cannot be printed."""
    if printable(text) == text:
        return shlex.quote(text)
    letters = (chr(byte) if 0x20 <= byte < 0x7F and byte not in b"'\\" else f"\\x{byte:02x}" for byte in fsencode(text))
    return f"$'{''.join(letters)}'"


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """What stands in for characters that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("unicode_escape").decode("ascii") for c in lacking), error.end


codecs.register_error(HANDLER, _replaced)
