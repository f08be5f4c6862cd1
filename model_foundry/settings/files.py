"""Files beside the settings: `.env`, the home, and what a stack that runs says of itself."""

import fcntl
import os
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from model_foundry.errors import FoundryError
from model_foundry.settings.kinds import absolute

PREFIX: Final = "MODEL_FOUNDRY_"
ENV_FILE: Final = Path(".env")


def env_file() -> Path:
    """The file with settings beside the environment; MODEL_FOUNDRY_ENV_FILE names another.

    Raises:
        FoundryError: it names one that is not there.
    """
    named = os.environ.get(f"{PREFIX}ENV_FILE")
    if not named:
        return ENV_FILE
    try:
        path = absolute(Path(named))
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        raise FoundryError(f"{PREFIX}ENV_FILE names no file that is there")
    return path


def read_env(path: Path) -> dict[str, str]:
    """What such a file sets; nothing where there is none.

    Raises:
        FoundryError: it cannot be read; the text shows nothing of it but the line's number.
    """
    try:
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                wrong = [each.original.line for each in parse_stream(file) if each.error]
            if wrong:
                raise FoundryError(f"{path}:{wrong[0]}: this is no NAME=value")
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except OSError as error:
        raise FoundryError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise FoundryError(f"{path} is not UTF-8") from None


def require_file(name: str, path: Path | None) -> Path | None:
    """The path of a setting, once its file can be read.

    Raises:
        FoundryError: naming the setting only: what stands there may be the secret itself.
    """
    if path is not None:
        try:
            with path.open("rb"):
                pass
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no path"
            raise FoundryError(
                f"{PREFIX}{name} names no file that can be read ({why}): it wants a path, not "
                "what stands in the file"
            ) from None
    return path


def make_home(home: Path) -> None:
    """Make the home where it is missing, closed to others whatever the umask says.

    Raises:
        FoundryError: it cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FoundryError(f"the home {home} cannot be used: {error.strerror}") from None


def services_env(home: Path) -> Path:
    """The file in which a running embedded stack says where its services are."""
    return home / "services.env"


def embedded_stack_is_running(home: Path) -> bool:
    """Whether a supervisor (`model-foundry up`) holds the lock of this home."""
    try:
        lock = (home / "stack.lock").open("r")
    except OSError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
