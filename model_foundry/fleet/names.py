"""Names of the environment that look like settings and are none, so that what they set is not set.

A fleet file may name variables of its own for endpoints and keys. Those it names are known; that of
another fleet may lie about if it begins as such names do, and is no setting with a slip.
"""

import difflib
import os
from typing import Final

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, env_file, read_env

_SLOT_PREFIX: Final = f"{PREFIX}SLOT_"
# How alike two names are, their common beginning counted.
_ALIKE: Final = 0.8
_SLIP: Final = 0.9


def unknown_names() -> dict[str, str]:
    """Those of the environment and of `.env`, each with a clause that says what may be meant."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    given = {*os.environ, *read_env(env_file())}
    unknown = [
        name
        for name in sorted(given)
        if name.upper().startswith(PREFIX)
        and name.upper() not in known
        and not _is_free(name, known)
    ]
    if not unknown:
        return {}
    of_the_fleet = _names_of_the_fleet()
    return {name: _meant(name, known) for name in unknown if name.upper() not in of_the_fleet}


def require_known_names() -> None:
    """Refuse the others.

    Raises:
        FoundryError: naming each, with what it was probably meant to be.
    """
    told = [
        f"{name} is no setting{meant}: unset it, or name a variable of your own"
        for name, meant in unknown_names().items()
    ]
    if told:
        raise FoundryError("\n".join(told))


def _is_free(name: str, known: set[str]) -> bool:
    slips = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_SLIP)
    return name.upper().startswith(_SLOT_PREFIX) and not slips


def _meant(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=_ALIKE)
    return f" (did you mean {close[0]}?)" if close else ""


def _names_of_the_fleet() -> set[str]:
    # It takes its time, and most environments have no name that asks for it.
    from model_foundry.fleet.file import FromEnvironment, settings_fleet  # noqa: PLC0415

    try:
        fields = [
            field
            for slot in settings_fleet(Settings()).slots
            for field in (slot.endpoint, slot.api_key)
        ]
    except FoundryError:
        return set()  # whoever uses the fleet says what is wrong with it
    return {field.env.upper() for field in fields if isinstance(field, FromEnvironment)}
