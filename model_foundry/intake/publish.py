"""Publishing NDJSON events to NATS, each acknowledged by JetStream."""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import PubAck
from nats.js.client import JetStreamContext

from model_foundry.errors import FoundryError
from model_foundry.events.envelope import is_cloud_event
from model_foundry.intake import configuration, jetstream
from model_foundry.intake.lines import body_of
from model_foundry.interrupts import run_interruptibly
from model_foundry.settings import Settings

_WINDOW: Final = 500
_ID_HEADER: Final = "Nats-Msg-Id"
_ID_CHARS: Final = 32
# What is under way when it is interrupted has so long to be acknowledged.
_LAST_S: Final = 0.5
# The header counts as a part of the message.
_HEADER_BYTES: Final = len(f"NATS/1.0\r\n{_ID_HEADER}: {'':{_ID_CHARS}}\r\n\r\n")

_NOTHING: Final = (None, msgspec.Raw(), msgspec.Raw(b"null"))


class Published(NamedTuple):
    """How many lines JetStream acknowledged, and how many of them it already knew."""

    published: int
    duplicates: int


class _Address(msgspec.Struct):
    """What of a line decides where it goes; everything else is for the door to judge."""

    subject: Any = None
    event_id: Any = None
    payload: msgspec.Raw = msgspec.Raw()
    specversion: Any = None
    type: Any = None
    id: Any = None
    source: Any = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: msgspec.Raw = msgspec.Raw()


def publish_lines(settings: Settings, lines: Iterable[bytes]) -> Published:
    """Publish each line on its own subject; empty lines are skipped.

    A line with an id has a digest of subject and line as its `Nats-Msg-Id`: the same line again is
    known to the stream, while another under the same id comes to the door, which tells of it.
    What has arrived is published while the next line is waited for.

    Raises:
        FoundryError: a line has no subject or one that the stream does not take, or is no JSON, or
            too large, or was not acknowledged; the lines end badly, or it was interrupted.
            What came before is published, and the text says how much and where to go on.
        BaseException: after a signal, as `run_interruptibly`; that error is its context.
    """
    return run_interruptibly(_Publisher(settings).run(lines))


class _Publisher:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._published = 0
        self._duplicates = 0
        self._read = 0
        self._reached = 0  # up to this line, all are acknowledged
        self._beyond = 0  # how many are, after the first that is not
        self._unacknowledged: tuple[int, BaseException] | None = None
        self._window: list[tuple[int, asyncio.Task[PubAck]]] = []
        self._patterns: list[str] = []
        self._max_payload = 0

    async def run(self, lines: Iterable[bytes]) -> Published:
        client = await jetstream.connect(self._settings, name="model-foundry-publish")
        try:
            self._patterns = await configuration.ensure_stream(client, self._settings)
            self._max_payload = client.max_payload
            context = client.jetstream(timeout=self._settings.connect_timeout_s)
            arrivals = _Arrivals(lines)
            try:
                while taken := await arrivals.take():
                    self._send(context, taken)
                    await self._acknowledged()
            except (FoundryError, asyncio.CancelledError) as error:
                await self._settle(_LAST_S if isinstance(error, asyncio.CancelledError) else None)
                raise FoundryError(self._told(str(error) or "interrupted")) from None
            finally:
                arrivals.leave()
        finally:
            await client.close()
        return Published(self._published, self._duplicates)

    def _send(self, context: JetStreamContext, taken: list[bytes]) -> None:
        for line in taken:
            self._read += 1
            if body := body_of(line, self._read):
                subject, headers = self._address(body, self._read)
                sent = context.publish(subject, body, headers=headers)
                self._window.append((self._read, asyncio.create_task(sent)))

    async def _acknowledged(self) -> None:
        """Wait for what was sent.

        Raises:
            FoundryError: not all of it was acknowledged.
        """
        await self._settle()
        if self._unacknowledged is not None:
            number, error = self._unacknowledged
            raise FoundryError(
                f"line {number} was not acknowledged: {str(error) or type(error).__name__}"
            )

    async def _settle(self, within_s: float | None = None) -> None:
        if self._window:
            _, late = await asyncio.wait([task for _, task in self._window], timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        window, self._window = self._window, []
        for number, task in window:
            error = TimeoutError() if task.cancelled() else task.exception()
            if error is None:
                self._published += 1
                self._duplicates += bool(task.result().duplicate)
                if self._unacknowledged is None:
                    self._reached = number
                else:
                    self._beyond += 1
            elif not isinstance(error, NatsError | TimeoutError):
                raise error
            elif self._unacknowledged is None:
                self._unacknowledged = number, error

    def _told(self, reason: str) -> str:
        told = f"{reason}. Published {self._published} events"
        if self._beyond:
            told += f", {self._beyond} of them from later lines"
        return f"{told}; go on with line {self._reached + 1} (`tail -n +{self._reached + 1}`)"

    def _address(self, body: bytes, number: int) -> tuple[str, dict[str, str] | None]:
        try:
            line = msgspec.json.decode(body, type=_Address)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FoundryError(f"line {number} is not a JSON event: {error}") from None
        said = (name for name in line.__struct_fields__ if getattr(line, name) not in _NOTHING)
        field = "type" if is_cloud_event(line.specversion, said) else "subject"
        subject = getattr(line, field)
        if not isinstance(subject, str) or not _is_subject(subject):
            raise FoundryError(
                f"line {number}: `{field}` must name the subject to publish on, as llm.chat.persist"
            )
        if not any(_takes(pattern, subject) for pattern in self._patterns):
            raise FoundryError(
                f"line {number}: stream {self._settings.nats_stream} does not take "
                f"{subject[:200]!r}; it takes {', '.join(self._patterns) or 'nothing'}"
            )
        has_id = (line.id if field == "type" else line.event_id) not in (None, "")
        size = len(body) + (_HEADER_BYTES if has_id else 0)
        if size > self._max_payload:
            raise FoundryError(
                f"line {number} has {size:,} bytes, and the server takes {self._max_payload:,} "
                "(its max_payload)"
            )
        if not has_id:
            return subject, None
        digest = hashlib.sha256(b"%b\0%b" % (subject.encode(), body)).hexdigest()
        return subject, {_ID_HEADER: digest[:_ID_CHARS]}


def _is_subject(subject: str) -> bool:
    return all(subject.split(".")) and not any(
        c.isspace() or c in "*>" or not c.isprintable() for c in subject
    )


def _takes(pattern: str, subject: str) -> bool:
    """Whether a subject matches a pattern of NATS: `*` is one token, `>` all that follow."""
    wanted, given = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        given[len(wanted) - 1 :] = [">"] if len(given) >= len(wanted) else []
    return len(wanted) == len(given) and all(
        one in ("*", other) for one, other in zip(wanted, given, strict=True)
    )


class _Arrivals:
    """Lines as they come from a thread: a pipe may be silent for hours, and Ctrl-C must not wait.

    The thread does not keep the process alive.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._ended = False
        self._left = False
        self._error: Exception | None = None
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def leave(self) -> None:
        """End the thread at its next line."""
        with self._changed:
            self._left = True
            self._changed.notify()

    async def take(self) -> list[bytes]:
        """What has come since, at least a line; nothing: it was the last."""
        await self._news.wait()
        self._news.clear()
        with self._changed:
            taken, self._waiting = self._waiting, []
            self._changed.notify()
            if self._ended:
                self._news.set()
        if not taken and self._error is not None:
            raise self._error
        return taken

    def _read(self, lines: Iterable[bytes]) -> None:
        error = None
        try:
            for line in lines:
                with self._changed:
                    self._changed.wait_for(lambda: self._left or len(self._waiting) < _WINDOW)
                    if self._left:
                        return
                    self._waiting.append(line)
                    is_first = len(self._waiting) == 1
                if is_first:
                    self._tell()
        except Exception as raised:
            error = raised
        with self._changed:
            self._ended, self._error = True, error
        self._tell()

    def _tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._news.set)
