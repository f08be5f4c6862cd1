"""How a command ends that does not do its work: one sentence and an exit code, within seconds."""

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final, NoReturn

import typer
from rich.text import Text

from model_foundry.cli.console import errors
from model_foundry.cli.plain import plain_lines
from model_foundry.errors import FoundryError
from model_foundry.fleet.names import require_known_names
from model_foundry.interrupts import Ending
from model_foundry.settings import Settings

if TYPE_CHECKING:
    import psycopg

# Told to end, a command has so long to put away what it has.
END_S: Final = 2.5


@contextmanager
def errors_shown(*, known_names: bool = True) -> Iterator[None]:
    """The block is a command: its errors are printed, and signals end it.

    `known_names`: whether a misspelt setting is an error, or something that the command tells of.

    Exit codes: 1 after an error, 128 and the signal's number after a signal.
    """
    ending = Ending(END_S)
    try:
        with ending.in_force(), _in_words():
            _require_working_directory()
            if known_names:
                require_known_names()
            yield
    except FoundryError as error:
        _show(error)
    except KeyboardInterrupt as interrupted:
        if isinstance(interrupted.__context__, FoundryError):
            _print(str(interrupted.__context__))  # how far it came
        leave(128 + (ending.number or signal.SIGINT))


def _require_working_directory() -> None:
    """Settings, `.env` and whatever a command is given may be relative to it."""
    try:
        os.getcwd()
    except OSError:
        raise FoundryError("the working directory is gone: change into another one") from None


@contextmanager
def _in_words() -> Iterator[None]:
    """What the servers answer to a statement or a request that was well meant."""
    try:
        yield
    except Exception as error:
        # Not imported for it: they are slow, and not every command needs them.
        psycopg, nats = sys.modules.get("psycopg"), sys.modules.get("nats.errors")
        if psycopg is not None and isinstance(error, psycopg.Error):
            _raise_in_words(error)
        if nats is not None and isinstance(error, nats.Error):
            raise FoundryError(f"NATS: {error or type(error).__name__}") from None
        raise


def _raise_in_words(error: "psycopg.Error") -> NoReturn:
    from model_foundry import postgres

    settings = Settings()
    if isinstance(error, postgres.STRANGE_TABLES):
        # Not these tables, or not these columns: of an older version, or of a newer one.
        with closing(postgres.connect(settings)) as connection:
            postgres.require_schema(connection)
    raise postgres.in_words(settings, error) from None


def leave(code: int) -> NoReturn:
    """End the process as it would end, without taking it apart: with Dagster that takes seconds."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _show(error: FoundryError) -> NoReturn:
    _print(str(error))
    raise typer.Exit(1) from None


def _print(text: str) -> None:
    told = Text.assemble(("Error", "bold red"), ": ", plain_lines(text))
    errors.print(told, highlight=False, soft_wrap=True)
