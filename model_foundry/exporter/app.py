"""The HTTP application: `/metrics`, the live page, and `/telemetry`, which feeds the page."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from model_foundry.exporter.board import Board, Event
from model_foundry.exporter.source import Source, Sources, Troubled
from model_foundry.looks.colours import colour
from model_foundry.looks.style import STYLE, filled
from model_foundry.settings import Settings

BODY_MAX_BYTES: Final = 4 * 1024 * 1024
TROUBLES: Final = 20
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Exporter:
    """Sources, the board of telemetry, and the application that serves both."""

    def __init__(self, sources: Sequence[Source], settings: Settings) -> None:
        self._settings = settings
        self._sources = Sources(sources, settings)
        self._registry = CollectorRegistry(auto_describe=False)
        self._board = Board(settings.exporter_events)
        self._troubled = [source for source in sources if isinstance(source, Troubled)]
        self._page = filled(
            (Path(__file__).parent / "live.html").read_text(encoding="utf-8"),
            {"style": STYLE, "zone": settings.timezone or ""},
        )

    def app(self) -> Starlette:
        """The application. On loopback it answers only to loopback's names (DNS rebinding)."""
        hosts = list(LOOPBACK) if self._settings.exporter_host in LOOPBACK else ["*"]
        return Starlette(
            routes=[
                Route("/", self._live),
                Route("/live.json", self._live_json),
                Route("/metrics", self._metrics),
                Route("/telemetry", self._telemetry, methods=["POST"]),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self._sources.refresh(self._settings.exporter_source_timeout_s)
        self._registry.register(self._sources)
        try:
            yield
        finally:
            await self._sources.close()

    async def _metrics(self, _: Request) -> Response:
        await self._sources.refresh()
        # The classic text format, in which `x` and `x_total` are two families.
        encode, content_type = choose_encoder("")
        return Response(encode(self._registry), headers={"Content-Type": content_type})

    async def _live(self, _: Request) -> Response:
        return HTMLResponse(self._page, headers={"Content-Security-Policy": _CSP})

    async def _live_json(self, _: Request) -> Response:
        await self._sources.refresh()
        return Response(msgspec.json.encode(self._stand()), media_type="application/json")

    async def _telemetry(self, request: Request) -> Response:
        if _is_from_elsewhere(request):
            return PlainTextResponse("a page of another site may not post here\n", status_code=403)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > BODY_MAX_BYTES:
                return PlainTextResponse("too large\n", status_code=413)
        try:
            given = msgspec.json.decode(bytes(body), type=list[Event] | Event)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        self._board.add(given if isinstance(given, list) else [given])
        return Response(status_code=204)

    def _stand(self) -> dict[str, Any]:
        figures = {
            metric.name: metric for metric in self._sources.collect() if metric.type == "gauge"
        }
        slots, events = self._slots(figures), self._board.last()
        named = {slot["slot"] for slot in slots} | {event.slot for event in events if event.slot}
        return {
            "troubles": [
                trouble._asdict() for source in self._troubled for trouble in source.troubles()
            ][:TROUBLES],
            "colours": {slot: colour(slot) for slot in named},
            "slots": slots,
            "figures": {
                name: _total(figures.get(name), worst=name in _WORST) for name in (*_SUMS, *_WORST)
            },
            "daemons": _by(figures.get(_HEARTBEAT), "daemon"),
            "sessions": self._board.sessions(),
            "events": events,
        }

    def _slots(self, figures: dict[str, Metric]) -> list[dict[str, Any]]:
        told, working = self._board.slots(), self._board.working()
        info = figures.get("foundry_slot_info")
        columns = {
            name: _by(figures.get(f"foundry_slot_{name}"), "slot")
            for name in ("up", "places", "places_held", "runs_waiting")
        }
        return [
            {
                **sample.labels,
                **{name: column.get(slot) for name, column in columns.items()},
                "busy": int(columns["places_held"].get(slot, 0)) + working.get(slot, 0),
                **told.get(slot, {}),
            }
            for sample in (info.samples if info is not None else ())
            if (slot := sample.labels["slot"])
        ]


def _is_from_elsewhere(request: Request) -> bool:
    """Whether a browser sent it for a page of another site: only browsers send these headers."""
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    return foreign or site not in {"none", "same-origin"}


_CSP: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)
_HEARTBEAT: Final = "foundry_dagster_daemon_heartbeat_timestamp_seconds"
_SUMS: Final = (
    "foundry_postgres_up",
    "foundry_nats_up",
    "foundry_dagster_up",
    "jetstream_consumer_num_pending",
    "jetstream_consumer_num_ack_pending",
    "foundry_inbox_rows",
    "foundry_quarantine_messages",
    "foundry_requests_waiting",
    "foundry_jobs_waiting",
    "foundry_dagster_runs",
)
_WORST: Final = ("foundry_persist_lag_seconds", "foundry_dagster_queue_age_seconds")


def _by(metric: Metric | None, label: str) -> dict[str, float]:
    samples = metric.samples if metric is not None else ()
    return {sample.labels[label]: sample.value for sample in samples}


def _total(metric: Metric | None, *, worst: bool) -> float | None:
    if metric is None or (worst and not metric.samples):
        return None
    values = [sample.value for sample in metric.samples]
    return max(values) if worst else sum(values)
