"""The font of names in scripts that a machine may lack: IPAexGothic, from a wheel.

A page carries the few signs of it that its names need, a chart has them as outlines: so both are
the same wherever they are opened. Scripts that the font lacks are left to the reader's system.
"""

import base64
import functools
import io
import logging
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

FAMILY: Final = "IPAexGothic"
# Of the signs in a page; no system has a font of this name.
IN_PAGE: Final = "model-foundry-names"
_FILE: Final = "matplotlib_fontja/fonts/ipaexg.ttf"
# From here on are Chinese, Japanese and Korean signs.
_FIRST: Final = 0x2E80
_MOST_SIGNS: Final = 2_000


def path() -> Path:
    """The font's file. (Importing the package would set matplotlib up anew.)"""
    return Path(str(distribution("matplotlib-fontja").locate_file(_FILE)))


def draws(text: str) -> bool:
    """Whether a text has signs that want the font, and none that it lacks."""
    wanted = {ord(sign) for sign in text if ord(sign) >= _FIRST}
    return bool(wanted) and wanted <= _covered()


def face(text: str) -> str:
    """A CSS rule with the font's signs for this text; nothing where the text needs none."""
    wanted = {ord(sign) for sign in text if ord(sign) >= _FIRST} & _covered()
    return _rule(frozenset(sorted(wanted)[:_MOST_SIGNS])) if wanted else ""


@functools.cache
def _covered() -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - most processes draw nothing

    with TTFont(path(), lazy=True) as font:
        return frozenset(font.getBestCmap())


@functools.lru_cache(maxsize=64)
def _rule(signs: frozenset[int]) -> str:
    from fontTools import subset  # noqa: PLC0415

    logging.getLogger("fontTools.subset").setLevel(logging.WARNING)
    options = subset.Options(flavor="woff2", layout_features=[], hinting=False, notdef_outline=True)
    file = io.BytesIO()
    with subset.load_font(path(), options) as font:
        wanted = subset.Subsetter(options)
        wanted.populate(unicodes=signs)
        wanted.subset(font)
        subset.save_font(font, file, options)
    encoded = base64.b64encode(file.getvalue()).decode()
    return (
        f'@font-face{{font-family:"{IN_PAGE}";src:url(data:font/woff2;base64,{encoded}) '
        'format("woff2")}'
    )
