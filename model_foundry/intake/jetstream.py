"""The connection to NATS."""

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.protocol import parser

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings

# A server that fell silent is left after two of these; far below `intake_retry_s`.
_PING_EVERY_S: Final = 10
_CLOSE_S: Final = 5.0
_SHOWN_ERRORS: Final = 3
_LINE_END: Final = b"\r\n"
_PREAMBLE: Final = len(b"NATS/1.0")

# The wire separates by space and tab. nats-py splits at form feeds and vertical tabs as well, and
# leaves the connection over a subject that holds one; so does its decoding, over one not in UTF-8.
parser.MSG_RE = re.compile(
    rb"\AMSG[ \t]+([^ \t\r\n]+)[ \t]+([^ \t\r\n]+)[ \t]+(([^ \t\r\n]+)[ \t]+)?(\d+)\r\n"
)
parser.HMSG_RE = re.compile(
    rb"\AHMSG[ \t]+([^ \t\r\n]+)[ \t]+([^ \t\r\n]+)[ \t]+(([^ \t\r\n]+)[ \t]+)?(\d+)[ \t]+(\d+)\r\n"
)


class _Client(Client):
    """nats-py's client, with subjects and headers read whatever their bytes, and an end to `close`.

    What its own reading cannot decode ends its read loop without a word: the connection looks
    alive, nothing comes any more, and the message does the same to every drain after.
    """

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return Msg(
            _client=self,
            _sid=sid,
            subject=_text(subject),
            reply=_text(reply),
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

    client = _Client()
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


def read_headers(block: bytes) -> dict[str, str] | None:
    """A message's header block as text; a status of the server as `Status` and `Description`.

    Of a name that comes twice, the first counts, as it does for the server.
    """
    first, *lines = block.split(_LINE_END)
    headers: dict[str, str] = {}
    code, _, description = first[_PREAMBLE:].strip().partition(b" ")
    if code.isdigit():
        headers["Status"] = _text(code)
        if description:
            headers["Description"] = _text(description)
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            headers.setdefault(_text(name.strip()), _text(value.strip()))
    return headers or None


def _text(raw: bytes) -> str:
    """As UTF-8, with an escape for what is none and for U+0000, which PostgreSQL does not take."""
    return raw.decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def without_password(url: str) -> str:
    """The URL as it may be shown, or several with commas between them."""
    shown = []
    for server in url.split(","):
        scheme, separator, rest = server.rpartition("://")
        shown.append(f"{scheme}{separator}{rest.rpartition('@')[2]}")
    return ",".join(shown)
