"""The colour of a name: the same wherever it is drawn, whatever else is drawn there."""

import hashlib
from typing import Final

# Each stands out (3:1) from white and from the dark background alike.
_PALETTE: Final = (
    "#2f74c9", "#c8541b", "#1f8a50", "#a14fb8", "#a67a00",
    "#c43d6b", "#0e8793", "#7a6be0", "#6f8420", "#66748a",
)  # fmt: skip
# Chosen so that no two slots of the shipped fleets share a colour.
_SALT: Final = b"169245"
# What a status says, it says everywhere.
_MEANT: Final = {"ok": "#1f8a50", "rejected": "#a67a00", "failed": "#cf3a2e"}


def colour(name: str) -> str:
    """As #rrggbb."""
    if name in _MEANT:
        return _MEANT[name]
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4, key=_SALT).digest()
    return _PALETTE[int.from_bytes(digest) % len(_PALETTE)]
