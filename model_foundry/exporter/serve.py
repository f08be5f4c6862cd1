"""The exporter as a process: its sources, and the server until a signal."""

from collections.abc import Sequence

import uvicorn

from model_foundry.errors import FoundryError
from model_foundry.exporter.app import Exporter
from model_foundry.exporter.database import Database
from model_foundry.exporter.slots import Slots
from model_foundry.exporter.source import Source
from model_foundry.exporter.stream import Stream
from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings


def sources_of(settings: Settings) -> list[Source]:
    """PostgreSQL, JetStream and the slots of the profile.

    Raises:
        FoundryError: a URL is not known, or the fleet file is wrong.
    """
    settings.require_postgres_url()
    settings.require_nats_url()
    slots = settings_fleet(settings).in_profile(settings.profile)
    environment = settings.environment()
    return [
        Database(slots, environment, settings),
        Stream(settings),
        Slots(slots, environment, settings),
    ]


def serve(settings: Settings, sources: Sequence[Source]) -> None:
    """Serve what these sources tell until SIGINT or SIGTERM.

    Raises:
        FoundryError: the port is taken.
    """
    exporter = Exporter(sources, settings)
    server = uvicorn.Server(
        uvicorn.Config(
            exporter.app(),
            host=settings.exporter_host,
            port=settings.exporter_port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    try:
        server.run()
    except SystemExit:
        raise FoundryError(
            f"the exporter cannot listen on {settings.exporter_host}:{settings.exporter_port}. Is "
            "another one running? MODEL_FOUNDRY_EXPORTER_PORT sets another port."
        ) from None
