"""What somebody who made a typo will have meant. Pure."""

import difflib
from collections.abc import Iterable


def meant(name: object, known: Iterable[str]) -> str | None:
    """The known name that is closest to one that is not known; None if none is close."""
    folded = {each.lower(): each for each in known}
    close = difflib.get_close_matches(str(name).lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A clause for an error, or nothing."""
    found = meant(name, known)
    return f" (did you mean {found}?)" if found else ""
