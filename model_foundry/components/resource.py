"""The one Dagster resource of our own: the settings, and connections made from them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg
from pydantic import PrivateAttr

from model_foundry.settings import Settings
from model_foundry.store import postgres


class Foundry(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Settings from the environment, read when a run starts, or those that a test hands over."""

    _settings: Settings | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, settings: Settings) -> "Foundry":
        """A resource with given settings instead of the environment's."""
        resource = cls()
        resource._settings = settings
        return resource

    @property
    def settings(self) -> Settings:
        """The settings of this process."""
        if self._settings is None:
            self._settings = Settings()
        return self._settings

    @contextlib.contextmanager
    def postgres(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection to PostgreSQL with our migrations applied."""
        with contextlib.closing(postgres.connect(self.settings)) as connection:
            postgres.migrate(connection)
            yield connection
