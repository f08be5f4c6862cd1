"""The way of events to the endpoint: a bounded buffer, and a thread that posts what is in it.

Whoever tells something never waits: `tell` encodes and appends. What the endpoint does not take in
time is dropped and counted; nothing of it is raised.
"""

import base64
import contextlib
import logging
import os
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from multiprocessing.util import Finalize
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import httpx
import msgspec

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.telemetry.events import event

Reason = Literal["buffer full", "no answer in time", "refused", "process ended", "not JSON"]
_Outcome = Literal["sent", "again", "no answer in time", "refused"]

FIRST_BACKOFF_S: Final = 0.5
ANSWER_MAX_BYTES: Final = 64 * 1024

log = logging.getLogger(__name__)


class Counts(NamedTuple):
    """What became of the events so far; `waiting` are in the buffer or under way."""

    told: int
    sent: int
    dropped: int
    waiting: int


class Sender:
    """Posts events to one endpoint, in batches, from a thread that starts with the first event.

    Raises:
        FoundryError: the URL is no HTTP URL.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.telemetry_url or ""
        try:
            parts = urlsplit(self._url)
            fits = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        if not fits:
            raise FoundryError(
                "MODEL_FOUNDRY_TELEMETRY_URL must be a URL such as http://127.0.0.1:8687/telemetry"
            )
        self._headers = _credentials(self._url)
        self.texts = settings.telemetry_texts
        self._settings = settings
        self._lock = threading.Lock()
        self._buffer: deque[bytes] = deque()
        self._bytes = 0
        self._told = self._sent = self._under_way = 0
        self._dropped: Counter[Reason] = Counter()
        self._drops_told = 0
        self._any, self._closing = threading.Event(), threading.Event()
        self._ends_at: float | None = None
        self._thread: threading.Thread | None = None

    def tell(self, what: Mapping[str, Any]) -> None:
        """Have an event sent; the oldest ones give way when the buffer is full."""
        try:
            encoded = msgspec.json.encode(what)
        except Exception:  # whatever a value is, the caller is none the worse
            encoded = b""
        with self._lock:
            self._told += 1
            if not encoded:
                self._dropped["not JSON"] += 1
                return
            if self._closing.is_set():
                self._dropped["process ended"] += 1
                return
            self._buffer.append(encoded)
            self._bytes += len(encoded)
            while self._bytes > self._settings.telemetry_buffer_bytes:
                self._bytes -= len(self._buffer.popleft())
                self._dropped["buffer full"] += 1
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="model-foundry-telemetry", daemon=True
                )
                self._thread.start()
        self._any.set()

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        with self._lock:
            waiting = len(self._buffer) + self._under_way
            return Counts(self._told, self._sent, self._dropped.total(), waiting)

    def close(self) -> None:
        """Send what is left, for at most `telemetry_flush_s`, and log what was dropped."""
        with self._lock:
            if self._closing.is_set():
                return
            self._ends_at = time.monotonic() + self._settings.telemetry_flush_s
            self._closing.set()
            thread = self._thread
        self._any.set()
        if thread is not None:
            thread.join(self._settings.telemetry_flush_s)
        with self._lock:
            self._dropped["process ended"] += len(self._buffer) + self._under_way
            self._buffer.clear()
            self._bytes = self._under_way = 0
            dropped, told = self._dropped.total(), self._told
            reasons = self._reasons()
        if dropped:
            log.warning(
                "%d of %d telemetry events were dropped: %s. Nothing else was affected; look at "
                "%s, or unset MODEL_FOUNDRY_TELEMETRY_URL.",
                *(dropped, told, reasons, urlsplit(self._url).hostname),
            )

    def _reasons(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in self._dropped.items() if count)

    # In the thread.

    def _run(self) -> None:
        # Not its client, which logs the URL, where a password or a token may stand.
        with httpx.HTTPTransport(trust_env=False) as transport:
            while True:
                self._any.wait()
                self._closing.wait(self._settings.telemetry_interval_s)
                self._any.clear()
                while batch := self._take():
                    if not self._deliver(transport, batch):
                        return
                if self._closing.is_set():
                    return

    def _take(self) -> list[bytes]:
        """The next batch, oldest first."""
        batch: list[bytes] = []
        size = 0
        with self._lock:
            while self._buffer and size < self._settings.telemetry_batch_bytes:
                batch.append(self._buffer.popleft())
                size += len(batch[-1])
            self._bytes -= size
            self._under_way = len(batch)
        return batch

    def _deliver(self, transport: httpx.HTTPTransport, batch: list[bytes]) -> bool:
        """Post a batch, again and again where that cannot count it twice; False: time is up."""
        waits_s = FIRST_BACKOFF_S
        while True:
            with self._lock:
                drops, notice = self._dropped.total(), self._notice()
            outcome = self._post(transport, b"[" + b",".join([*notice, *batch]) + b"]")
            if outcome != "again":
                break
            if self._closing.is_set():
                return False  # what is under way is counted by `close`
            if self._closing.wait(waits_s * random.uniform(0.75, 1.0)):  # noqa: S311
                continue
            waits_s = min(2 * waits_s, self._settings.telemetry_backoff_max_s)
        with self._lock:
            count, self._under_way = self._under_way, 0
            if outcome == "sent":
                self._sent += count
                self._drops_told = drops
            else:
                self._dropped[outcome] += count
        return True

    def _notice(self) -> list[bytes]:
        if self._dropped.total() == self._drops_told:
            return []
        message = f"{self._dropped.total()} telemetry events were dropped: {self._reasons()}"
        warning = event(
            "log", correlation_id=None, service="model-foundry", level="warn", message=message
        )
        return [msgspec.json.encode(warning)]

    def _request(self, body: bytes, within_s: float) -> httpx.Request:
        return httpx.Request(
            "POST",
            self._url,
            content=body,
            headers={"Content-Type": "application/json", **self._headers},
            extensions={"timeout": httpx.Timeout(within_s).as_dict()},
        )

    def _post(self, transport: httpx.HTTPTransport, body: bytes) -> _Outcome:
        within_s = self._settings.telemetry_timeout_s
        if self._ends_at is not None:
            within_s = min(within_s, self._ends_at - time.monotonic())
            if within_s <= 0:
                return "again"
        ends_at = time.monotonic() + within_s
        try:
            with contextlib.closing(
                transport.handle_request(self._request(body, within_s))
            ) as answer:
                read = 0
                for part in answer.iter_raw():  # so that the connection can be used again
                    read += len(part)
                    if read > ANSWER_MAX_BYTES or time.monotonic() > ends_at:
                        break
        except (httpx.ConnectError, httpx.ConnectTimeout):
            return "again"
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ValueError):
            return "no answer in time"
        if answer.is_success:
            return "sent"
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
            return "again"
        return "refused"


def _credentials(url: str) -> dict[str, str]:
    """The header for user and password of a URL, if it has them."""
    parts = urlsplit(url)
    if parts.username is None:
        return {}
    named = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(named.encode()).decode()}"}


_senders: dict[tuple[int, str], Sender] = {}
_senders_lock = threading.Lock()


def sender_of(settings: Settings) -> Sender | None:
    """The sender that this process has for the settings' endpoint; None where there is no URL.

    It is closed when the process ends.

    Raises:
        FoundryError: the URL is no HTTP URL.
    """
    if settings.telemetry_url is None:
        return None
    key = os.getpid(), settings.telemetry_url
    with _senders_lock:
        if key not in _senders:
            _senders[key] = Sender(settings)
            # Not atexit: a process of multiprocessing may end without it, such as a step's.
            Finalize(None, _senders[key].close, exitpriority=0)
        return _senders[key]
