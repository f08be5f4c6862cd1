"""The one Dagster resource of our own: the settings, and connections made from them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg

from model_foundry import postgres
from model_foundry.settings import Settings


class Foundry:
    """Settings read from the environment whenever they are asked for, or those that a test gives.

    A plain object, so that Dagster neither shows nor stores what is in it.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self._given = settings

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return self._given or Settings()

    @contextlib.contextmanager
    def postgres(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection to PostgreSQL with our migrations applied.

        Raises:
            FoundryError: it cannot be reached, or the role lacks a right.
        """
        settings = self.settings
        with contextlib.closing(postgres.connect(settings)) as connection:
            try:
                postgres.migrate(connection)
                yield connection
            except psycopg.errors.InsufficientPrivilege as error:
                raise postgres.in_words(settings, error) from None
