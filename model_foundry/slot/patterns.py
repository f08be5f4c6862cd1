"""Patterns of JSON schemas, matched in time that grows with the text and no faster.

Belongs here: ECMA's regular expressions, as schemas write them, on RE2, which does not backtrack.
What RE2 has not (lookaheads, references back) or what would cost too much is not matched, and
whoever asks is told so. Does not: what a match means (`schemas`).
"""

import functools
import re
from typing import Any, Final

import re2

COMPILED_MAX_BYTES: Final = 512 * 1024
# Instructions of a compiled pattern times characters of a text: at worst some 30 ns each.
MATCH_MAX_STEPS: Final = 2_000_000
CACHED_PATTERNS: Final = 512

# What ECMA writes otherwise than RE2, and any other escaped sign, so that none is taken apart.
_ECMA: Final = re.compile(
    r"\\u(?P<high>[dD][89abAB]..)\\u(?P<low>[dD][c-fC-F]..)"
    r"|\\u\{(?P<braced>[0-9A-Fa-f]{1,6})\}"
    r"|\\u(?P<unit>[0-9A-Fa-f]{4})"
    r"|\\(?P<p>[pP])\{(?:General_Category|gc|Script|sc|Script_Extensions|scx)=(?P<name>\w+)\}"
    r"|\\c(?P<control>[A-Za-z])"
    r"|\\.",
    re.DOTALL,
)


def found(pattern: str, text: str) -> bool | None:
    """Whether a pattern matches somewhere in a text; None if it cannot be told."""
    compiled = _compiled(pattern)
    if compiled is None or compiled.programsize * len(text) > MATCH_MAX_STEPS:
        return None
    return compiled.search(text) is not None


@functools.lru_cache(CACHED_PATTERNS)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = COMPILED_MAX_BYTES
    try:
        return re2.compile(_ECMA.sub(_in_re2, pattern), options)
    except (re2.error, ValueError):  # a lone surrogate is a ValueError
        return None


def _in_re2(escaped: re.Match[str]) -> str:
    if escaped["high"]:
        pair = (int(escaped[name], 16) & 0x3FF for name in ("high", "low"))
        return rf"\x{{{0x10000 + (next(pair) << 10) + next(pair):X}}}"
    if code := escaped["braced"] or escaped["unit"]:
        return rf"\x{{{code}}}"
    if escaped["p"]:
        return rf"\{escaped['p']}{{{escaped['name']}}}"
    if escaped["control"]:
        return rf"\x{{{ord(escaped['control']) % 32:X}}}"
    return escaped[0]
