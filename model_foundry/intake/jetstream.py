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
from model_foundry.intake.address import address_of
from model_foundry.intake.wire import Receive, Wire, read_headers, text
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, require_file

# A server that fell silent is left after two of these; far below `intake_retry_s`.
_PING_EVERY_S: Final = 10
_CLOSE_S: Final = 1.5
_SHOWN_ERRORS: Final = 3

# How much nats-py reads at once: its own 32 KiB are two dozen messages.
nats.aio.client.DEFAULT_BUFFER_SIZE = 512 * 1024


class Client(nats.aio.client.Client):
    """nats-py's client on our `Wire`, with answers in bulk and an end to `close`."""

    def __init__(self, *, must_be_encrypted: bool = False) -> None:
        super().__init__()
        self._wire = self._ps = Wire(self)
        self._must_be_encrypted = must_be_encrypted

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

    async def _process_err(self, err_msg: str) -> None:
        # What is refused is not answered: whoever waits for it would wait for its time.
        if "permissions violation" in err_msg:
            for waiting in self._resp_map.values():
                if not waiting.done():
                    waiting.set_exception(nats.errors.Error(err_msg.strip("'")))
        await super()._process_err(err_msg)

    def _connect_command(self) -> bytes:
        # It holds the credentials, and whether there is TLS the server says, in clear.
        if self._must_be_encrypted and not self._server_info.get("tls_required"):
            raise nats.errors.Error("the server offers no TLS")
        return super()._connect_command()

    async def close(self) -> None:
        """Close within seconds; what a silent server does not take any more is dropped."""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(_CLOSE_S):
                await super().close()


async def connect(settings: Settings, *, name: str = "model-foundry") -> Client:
    """A connection to the configured NATS; it reconnects by itself.

    Raises:
        FoundryError: it cannot be reached within `connect_timeout_s` for each server, refuses the
            credentials, or has no TLS where it is wanted.
    """
    address = address_of(settings)
    creds = require_file("NATS_CREDS", settings.nats_creds)
    if creds is not None:
        _check_credentials(creds)
    met: list[str] = []

    async def remember(error: Exception) -> None:
        # The last is often no more than a reset connection; not many, as it goes on for ever.
        if (told := str(error)) and told not in met:
            met[_SHOWN_ERRORS - 1 :] = [told]

    client = Client(must_be_encrypted=address.must_be_encrypted)
    deadline_s = settings.connect_timeout_s * len(address.servers)
    try:
        # Of its own steps nats-py bounds some: not the end of a handshake that failed, for one.
        async with asyncio.timeout(deadline_s):
            await client.connect(
                servers=address.servers,
                name=name,
                user=address.user,
                password=address.password,
                token=address.token,
                user_credentials=str(creds) if creds else None,
                tls=address.tls,
                connect_timeout=max(1, round(settings.connect_timeout_s)),
                # The first connection fails fast; once connected, see below.
                max_reconnect_attempts=1,
                reconnect_time_wait=1,
                ping_interval=_PING_EVERY_S,
                max_outstanding_pings=2,
                error_cb=remember,
                pending_size=64 * 1024 * 1024,
            )
    except BaseException as error:
        with contextlib.suppress(Exception):
            await client.close()
        if not isinstance(error, Exception):
            raise
        if not isinstance(error, TimeoutError):
            await remember(error)  # of nats-py, the system, nkeys
        raise address.refused(met or [f"no answer within {deadline_s:g} s"]) from None
    client.options["max_reconnect_attempts"] = -1
    return client


def _check_credentials(path: Path) -> None:
    """What nats-py would look for without end, if the file has it not."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError):
        text = ""
    for part in ("BEGIN NATS USER JWT", "BEGIN USER NKEY SEED"):
        if part not in text:
            raise FoundryError(
                f"{PREFIX}NATS_CREDS: {path} is no NATS credentials file: it has no `{part}`. "
                "`nsc generate creds` writes one."
            )
