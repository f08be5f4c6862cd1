"""Characters that JSON can carry and PostgreSQL's jsonb cannot: U+0000 and lone surrogates."""

import re

_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89abcdefABCDEF])")
# One escape sequence at a time, so that an escaped backslash before `u0000` is seen as what it is.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u(?P<bad>0000|[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


def repaired(body: bytes) -> tuple[bytes, bool]:
    """The JSON text with each such escape as U+FFFD, and whether there was one.

    Works on the text, not on values: numbers, order and spelling stay as they came.
    """
    if b"\\" not in body or not _SUSPECT.search(body):
        return body, False
    count = 0

    def replacement(match: re.Match[bytes]) -> bytes:
        nonlocal count
        if match["bad"] is None:
            return match[0]
        count += 1
        return rb"\ufffd"

    text = _ESCAPE.sub(replacement, body)
    return text, count > 0
