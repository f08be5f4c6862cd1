"""The one stylesheet of the report, the session's page and the live page: light, dark, narrow."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from model_foundry.looks.fonts import IN_PAGE

LIGHT: Final = (
    "--ink:#1c2330;--dim:#586174;--line:#d8dde6;--back:#fff;--panel:#f5f6f9;"
    "--ok:#1a7a43;--bad:#c0271c;--hot:#c2410c;--link:#1f5fbf"
)
DARK: Final = (
    "--ink:#e6e9ef;--dim:#a3adbd;--line:#363e4b;--back:#14181f;--panel:#1c222b;"
    "--ok:#57c785;--bad:#ff8a7a;--hot:#fb923c;--link:#8ab4ff"
)
STYLE: Final = (
    f":root{{color-scheme:light dark;--font:'{IN_PAGE}',system-ui,sans-serif;{LIGHT}}}\n"
    f"@media(prefers-color-scheme:dark){{:root{{{DARK}}}}}\n"
    + (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A page: between marks (`%%name%%`) stand names, each filled once, and never again within."""
    pieces = template.split("%%")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))


def swatch(colour: str) -> str:
    """A dot of this colour, as HTML."""
    return f'<i class="dot" style="background:{html.escape(colour)}"></i>'
