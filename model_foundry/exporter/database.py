"""What PostgreSQL knows: inbox, ledger, quarantine, results, requests, the slots' places.

Counters are counted from what landed lately, by the second, so that a look costs the same whatever
the tables hold. Rows commit in another order than their times are taken: every look reads the last
minute again, and only what a second has gained is added.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

import psycopg
from prometheus_client.core import Metric
from psycopg.rows import dict_row

from model_foundry import postgres
from model_foundry.dispatch.backlog import backlog_key
from model_foundry.dispatch.leases import Lease
from model_foundry.exporter.source import counter, gauge
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.outcome import Status
from model_foundry.sql import load_sql

OVERLAP_S: Final = 60.0
# A request that waits longer is no longer counted as waiting.
REQUEST_DAYS: Final = 7
OUTCOMES: Final = ("landed", "duplicate", "redelivered", "quarantined")
DIRECTIONS: Final = ("prompt", "completion")

_Key = tuple[str, ...]


class Gained:
    """Sums that only grow, from looks at a window of seconds that overlap."""

    def __init__(self) -> None:
        self.sums: Counter[_Key] = Counter()
        self._seen: dict[tuple[int, _Key], int] | None = None

    def add(self, window: Mapping[tuple[int, _Key], int]) -> None:
        """What a second holds more than it did when it was last looked at; the first look: 0."""
        seen = self._seen
        for (second, key), amount in window.items():
            before = amount if seen is None else seen.get((second, key), 0)
            self.sums[key] += max(0, amount - before)
        kept = {} if seen is None else {each: seen[each] for each in seen if each in window}
        self._seen = {each: max(amount, kept.get(each, 0)) for each, amount in window.items()}


class Database:
    """PostgreSQL as a source, over one connection of its own."""

    name = "postgres"
    up = "foundry_postgres_up"

    def __init__(
        self, slots: Sequence[Slot], environment: Mapping[str, str], settings: Settings
    ) -> None:
        self._settings = settings
        self._leases = {slot.name: Lease(slot.url(environment), slot.model) for slot in slots}
        roles = sorted({role for slot in slots for role in slot.roles})
        self._backlogs = {role: backlog_key(role) for role in roles}
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._looked_at: float | None = None
        self._intake, self._results = Gained(), Gained()
        for outcome in OUTCOMES:
            self._intake.sums["messages", outcome] = 0
        self._intake.sums["batches",] = self._intake.sums["bytes",] = 0
        for slot in (*self._leases, "none"):
            for status in get_args(Status):
                self._results.sums["results", slot, status] = 0
            for direction in DIRECTIONS:
                self._results.sums["tokens", slot, direction] = 0

    async def look(self) -> Sequence[Metric]:
        """One round of queries on the connection, which is made anew after a failure."""
        if self._connection is None or self._connection.closed:
            self._connection = await postgres.connect_async(self._settings)
            await self._connection.set_autocommit(True)
        try:
            return await self._ask(self._connection)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()

    def lasting(self) -> Sequence[Metric]:
        """The counters, all of which begin at 0 with the exporter."""
        intake, results = self._intake.sums, self._results.sums
        return [
            counter(
                "foundry_intake_messages",
                "Messages that drains committed, by what became of them.",
                [((key[1],), value) for key, value in intake.items() if key[0] == "messages"],
                ["outcome"],
            ),
            counter(
                "foundry_intake_batches",
                "Batches that drains committed.",
                [((), intake["batches",])],
            ),
            counter(
                "foundry_intake_bytes",
                "Bytes of the messages in them.",
                [((), intake["bytes",])],
            ),
            counter(
                "foundry_results",
                "Results of jobs that landed.",
                [(key[1:], value) for key, value in results.items() if key[0] == "results"],
                ["slot", "status"],
            ),
            counter(
                "foundry_result_tokens",
                "Tokens of the results that landed.",
                [(key[1:], value) for key, value in results.items() if key[0] == "tokens"],
                ["slot", "direction"],
            ),
        ]

    async def _ask(self, connection: psycopg.AsyncConnection[Any]) -> Sequence[Metric]:
        now = time.monotonic()
        since_s = 0.0 if self._looked_at is None else now - self._looked_at
        window = {"window_s": since_s + OVERLAP_S}
        keys = [key for lease in self._leases.values() for key in (lease.key, lease.claim_key)]
        keys += self._backlogs.values()
        today = datetime.now(UTC).date()
        async with connection.pipeline():
            state = await self._start(
                connection, "state", {"requests_since": today - timedelta(days=REQUEST_DAYS)}
            )
            batches = await self._start(connection, "batches", window)
            results = await self._start(connection, "results", window)
            places = await self._start(connection, "places", {"keys": keys})
            figures = self._state(await state.fetchall())
            self._count_batches(await batches.fetchall())
            self._count_results(await results.fetchall())
            locks = {row["key"]: row for row in await places.fetchall()}
        self._looked_at = now
        return [*figures, *self._places(locks)]

    async def _start(
        self, connection: psycopg.AsyncConnection[Any], name: str, values: Mapping[str, Any]
    ) -> psycopg.AsyncCursor[dict[str, Any]]:
        cursor = connection.cursor(row_factory=dict_row)
        return await cursor.execute(load_sql(f"postgres/exporter/{name}"), values)

    def _state(self, rows: Sequence[Mapping[str, Any]]) -> list[Metric]:
        found: dict[str, dict[str, float]] = {}
        for row in rows:
            found.setdefault(row["figure"], {})[row["label"]] = row["value"]
        waiting = {"generation": 0.0, "translation": 0.0, **found.get("requests_waiting", {})}
        return [
            gauge(
                "foundry_inbox_rows",
                "Accepted events, by PostgreSQL's estimate.",
                [((), value) for value in found.get("inbox_rows", {}).values()],
            ),
            gauge(
                "foundry_intake_last_batch_timestamp_seconds",
                "When the last batch committed.",
                [((), value) for value in found.get("last_batch_at", {}).values()],
            ),
            gauge(
                "foundry_quarantine_messages",
                "Messages in quarantine that were not replayed.",
                [((reason,), value) for reason, value in found.get("quarantine", {}).items()],
                ["reason"],
            ),
            gauge(
                "foundry_requests_waiting",
                f"Request events of the last {REQUEST_DAYS} days without a reply.",
                [((kind,), value) for kind, value in waiting.items()],
                ["kind"],
            ),
        ]

    def _count_batches(self, rows: Sequence[Mapping[str, Any]]) -> None:
        window: dict[tuple[int, _Key], int] = {}
        for row in rows:
            for name in ("batches", "bytes"):
                window[row["landed_s"], (name,)] = row[name]
            for outcome in OUTCOMES:
                window[row["landed_s"], ("messages", outcome)] = row[outcome]
        self._intake.add(window)

    def _count_results(self, rows: Sequence[Mapping[str, Any]]) -> None:
        known = {*self._leases, "none"}
        window: Counter[tuple[int, _Key]] = Counter()
        for row in rows:
            second, slot = row["landed_s"], row["slot"] if row["slot"] in known else "other"
            window[second, ("results", slot, row["status"])] += row["results"]
            for direction in DIRECTIONS:
                window[second, ("tokens", slot, direction)] += row[f"{direction}_tokens"]
        self._results.add(window)

    def _places(self, locks: Mapping[int, Mapping[str, Any]]) -> list[Metric]:
        def counted(key: int, what: str) -> float:
            return locks[key][what] if key in locks else 0

        return [
            gauge(
                "foundry_slot_places_held",
                "Places of a slot that runs hold.",
                [((name,), counted(lease.key, "locks")) for name, lease in self._leases.items()],
                ["slot"],
            ),
            gauge(
                "foundry_slot_runs_waiting",
                "Runs that lack places of a slot.",
                [
                    ((name,), counted(lease.claim_key, "sessions"))
                    for name, lease in self._leases.items()
                ],
                ["slot"],
            ),
            gauge(
                "foundry_jobs_waiting",
                "Jobs that runs have taken from their sources, and that are not at a slot.",
                [((role,), counted(key, "numbers")) for role, key in self._backlogs.items()],
                ["role"],
            ),
        ]
