"""The connection to NATS."""

from nats.aio.client import Client
from nats.errors import Error as NatsError

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings


async def connect(settings: Settings, *, name: str = "model-foundry") -> Client:
    """A connection to the configured NATS; it reconnects by itself.

    Raises:
        FoundryError: it cannot be reached, or refuses the credentials.
    """
    url = settings.require_nats_url()
    creds = settings.nats_creds
    if creds is not None and not creds.is_file():
        raise FoundryError(f"MODEL_FOUNDRY_NATS_CREDS: there is no file {creds}")
    last: list[Exception] = []

    async def remember(error: Exception) -> None:
        last[:] = [error]

    client = Client()
    try:
        await client.connect(
            servers=[server.strip() for server in url.split(",")],
            name=name,
            user_credentials=str(creds) if creds else None,
            connect_timeout=max(1, round(settings.connect_timeout_s)),
            # The first connection fails fast; once connected, see below.
            max_reconnect_attempts=1,
            reconnect_time_wait=1,
            error_cb=remember,
            pending_size=64 * 1024 * 1024,
        )
    except (NatsError, OSError, TimeoutError, ValueError) as error:
        reason = str(last[0] if last else error) or type(error).__name__
        raise FoundryError(
            f"NATS at {without_password(url)} cannot be reached: {reason}. "
            "Check MODEL_FOUNDRY_NATS_URL and MODEL_FOUNDRY_NATS_CREDS, and that the server runs."
        ) from None
    client.options["max_reconnect_attempts"] = -1
    return client


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
