"""The connection to NATS."""

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import nats.aio.client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from model_foundry.errors import FoundryError
from model_foundry.intake.wire import Receive, Wire, read_headers, text
from model_foundry.settings import Settings

# A server that fell silent is left after two of these; far below `intake_retry_s`.
_PING_EVERY_S: Final = 10
_CLOSE_S: Final = 5.0
_SHOWN_ERRORS: Final = 3

# How much nats-py reads at once: its own 32 KiB are two dozen messages.
nats.aio.client.DEFAULT_BUFFER_SIZE = 512 * 1024


class Client(nats.aio.client.Client):
    """nats-py's client on our `Wire`, with answers in bulk and an end to `close`."""

    def __init__(self) -> None:
        super().__init__()
        self._wire = self._ps = Wire(self)

    @contextlib.contextmanager
    def tapped(self, subscription: Subscription, receive: Receive) -> Iterator[None]:
        """Hand a subscription's frames to `receive`, past nats-py's queue and objects."""
        sid = str(subscription._id).encode()
        self._wire.taps[sid] = receive
        try:
            yield
        finally:
            del self._wire.taps[sid]

    async def answer(self, replies: Iterable[bytes], body: bytes) -> None:
        """Send the same short body to each, in one write; kept while the connection is away.

        Raises:
            nats.errors.ConnectionClosedError: the client is closed.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        size = len(body)
        await self._send_command(
            b"".join(b"PUB %b %d\r\n%b\r\n" % (r, size, body) for r in replies)
        )
        await self._flush_pending()

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return Msg(
            _client=self,
            _sid=sid,
            subject=text(subject),
            reply=text(reply),
            data=data,
            headers=headers,
        )

    async def _process_headers(self, headers: bytes | None) -> dict[str, str] | None:
        return read_headers(headers) if headers else None

    async def close(self) -> None:
        """Close within seconds; what a silent server does not take any more is dropped."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_CLOSE_S):
                await super().close()


async def connect(settings: Settings, *, name: str = "model-foundry") -> Client:
    """A connection to the configured NATS; it reconnects by itself.

    Raises:
        FoundryError: it cannot be reached, or refuses the credentials.
    """
    url = settings.require_nats_url()
    creds = settings.nats_creds
    if creds is not None:
        _check_credentials(creds)
    met: list[str] = []

    async def remember(error: Exception) -> None:
        # The last is often no more than a reset connection; not many, as it goes on for ever.
        if (told := str(error)) and told not in met:
            met[_SHOWN_ERRORS - 1 :] = [told]

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
            ping_interval=_PING_EVERY_S,
            max_outstanding_pings=2,
            error_cb=remember,
            pending_size=64 * 1024 * 1024,
        )
    except Exception as error:  # of nats-py, the system, nkeys
        with contextlib.suppress(Exception):
            await client.close()
        await remember(error)
        reason = "; ".join(met) or type(error).__name__
        raise FoundryError(
            f"NATS at {without_password(url)} cannot be reached: {reason}. "
            "Check MODEL_FOUNDRY_NATS_URL and MODEL_FOUNDRY_NATS_CREDS, and that the server runs."
        ) from None
    client.options["max_reconnect_attempts"] = -1
    return client


def _check_credentials(path: Path) -> None:
    """What nats-py would look for without end, if the file has it not."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise FoundryError(f"MODEL_FOUNDRY_NATS_CREDS: there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise FoundryError(
            f"MODEL_FOUNDRY_NATS_CREDS: {path} cannot be read ({type(error).__name__})"
        ) from None
    for part in ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED"):
        if part not in text:
            raise FoundryError(
                f"MODEL_FOUNDRY_NATS_CREDS: {path} is no NATS credentials file: it has no "
                f"`{part}`. `nsc generate creds` writes one."
            )


def without_password(url: str) -> str:
    """The URL as it may be shown, or several with commas between them."""
    shown = []
    for server in url.split(","):
        scheme, separator, rest = server.rpartition("://")
        shown.append(f"{scheme}{separator}{rest.rpartition('@')[2]}")
    return ",".join(shown)
