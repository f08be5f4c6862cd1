"""A slot's places, shared by all runs: leases in PostgreSQL that vanish with their holder.

A place is the right to have one request at a slot. Each is a session-level advisory lock, whose key
is the slot's endpoint and model, held on one connection of the run. So no two runs ever
have the same place, and the places of a process that dies are free as soon as its connection is.

- A run that works holds its places: no statement is sent per request. It looks when it needs more
  places or has some over, when another run tells it to (NOTIFY), and now and then.
- Who lacks places says so with a claim, a shared lock; its number is that of its interactive jobs.
- While somebody claims, every run keeps to its share (`shares`): it gives back what is beyond it as
  its requests end. Nothing is given back that nobody wants and that has work.
- When the connection is lost, so are the leases: nothing new is asked until places are held again,
  first of all for what is in flight. A server that has just started gives nobody more than that
  for a moment, so that those who had places before find them.

The runs must share one database, and the connection must be their own (no transaction pooling).

Belongs here: how many requests a run may have at a slot. Does not: which (`dispatcher`).
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import psycopg

from model_foundry import postgres
from model_foundry.dispatch.backlog import Backlog
from model_foundry.dispatch.presence import Presence
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.sql import load_sql

CHANNEL: Final = "model_foundry_slot_places"
# Between two looks while nobody lacks a place: connection and neighbours are well.
QUIET_LOOK_S: Final = 1.0
# What cannot be divided goes to another run so often.
TURN_S: Final = 1.0
# How long a server that has started gives places only to what is in flight.
REHOLD_S: Final = 2.0
RECONNECT_S: Final = 0.1
FAREWELL_S: Final = 1.0

log = logging.getLogger(__name__)


class Demand(NamedTuple):
    """What a run can use of a slot now.

    Attributes:
        places: that the slot has for all runs together; 0 while it is paused.
        in_use: requests in flight.
        wanted: those, and the jobs that could go there at once.
        interactive: how many of `wanted` are interactive.
    """

    places: int
    in_use: int
    wanted: int
    interactive: int


class Contender(NamedTuple):
    """A run as the others see it; `interactive` is known of a run that claims."""

    run: int
    held: int
    claims: bool
    interactive: int = 0


def shares(contenders: Sequence[Contender], places: int, turn: int) -> dict[int, int]:
    """How many places each run may keep or take.

    Interactive jobs come first. The rest is max-min fair: who needs less than an equal part gets
    what it needs, and the others share what it leaves. What cannot be divided goes round, to
    another run with each `turn`, which all runs count alike; each round in an order drawn anew, so
    that requests as long as a round do not always end in the same run's turn.
    """
    urgent = {each.run: each.interactive if each.claims else 0 for each in contenders}
    first = _divided(urgent, places, turn)
    other = {
        each.run: max(0, (places if each.claims else each.held) - first[each.run])
        for each in contenders
    }
    second = _divided(other, places - sum(first.values()), turn)
    return {run: first[run] + second[run] for run in first}


def _divided(demands: Mapping[int, int], places: int, turn: int) -> dict[int, int]:
    count = max(1, len(demands))

    def lot(run: int) -> bytes:
        return hashlib.sha256(f"{turn // count} {run}".encode()).digest()

    ranks = {run: rank for rank, run in enumerate(sorted(demands, key=lot))}

    def last_gets_the_rest(run: int) -> tuple[int, int]:
        return demands[run], (ranks[run] + turn) % count

    divided = {}
    for number, run in enumerate(sorted(demands, key=last_gets_the_rest)):
        divided[run] = min(demands[run], places // (len(demands) - number))
        places -= divided[run]
    return divided


class Lease:
    """The places of one slot that this run holds."""

    def __init__(self, url: str, model: str) -> None:
        self.key = postgres.lock_key("places", url, model)
        self.claim_key = postgres.lock_key("claims", url, model)
        self.held: set[int] = set()
        self.share = 0
        self.claim: int | None = None

    @property
    def usable(self) -> int:
        """How many requests may be in flight."""
        return min(len(self.held), self.share)

    def needs_look(self, demand: Demand) -> bool:
        """Whether there are places to ask for, or to give back, that have not been yet."""
        if len(self.held) > max(demand.in_use, self.share):
            return True
        if demand.wanted <= self.usable:
            return False
        return self.claim is None or self.claim < demand.interactive

    def lose(self) -> None:
        """All is gone with the connection."""
        self.held.clear()
        self.share = 0
        self.claim = None


class Leases:
    """The leases of one run on its slots."""

    def __init__(
        self, slots: Iterable[Slot], environment: Mapping[str, str], settings: Settings
    ) -> None:
        self._leases = {slot.name: Lease(slot.url(environment), slot.model) for slot in slots}
        self._backlog = Backlog()
        self.presence = Presence()
        self._settings = settings
        self._woken = asyncio.Event()
        self._looked_at = time.monotonic()
        self._rehold_until = 0.0
        self._me = 0

    def of(self, slot: Slot) -> Lease:
        """The lease on a slot."""
        return self._leases[slot.name]

    def look(self) -> None:
        """Have the places looked at as soon as possible."""
        self._woken.set()

    async def keep(
        self,
        demand: Callable[[str], Demand],
        changed: Callable[[], None],
        waiting: Callable[[], Mapping[str, int]],
    ) -> None:
        """Hold what is needed and fair, until cancelled; then give everything back.

        Args:
            demand: of a slot, by its name.
            changed: called when there are new places.
            waiting: how many jobs of each role wait, which is told to others.

        Raises:
            FoundryError: PostgreSQL has been away for longer than `inference_land_retry_s`.
        """
        self._looked_at = time.monotonic()
        while True:
            try:
                await self._hold(demand, changed, waiting)
            except (
                psycopg.OperationalError,
                psycopg.InterfaceError,
                TimeoutError,
                OSError,
            ) as error:
                reason = str(error) or type(error).__name__
            except FoundryError as error:
                reason = str(error)
            lost = any(lease.held for lease in self._leases.values())
            for lease in self._leases.values():
                lease.lose()
            self._backlog.lose()
            self.presence.lose()
            away_s = time.monotonic() - self._looked_at
            if away_s > self._settings.inference_land_retry_s:
                raise FoundryError(
                    f"the places of the slots cannot be held: PostgreSQL has been away for "
                    f"{away_s:.0f} s (MODEL_FOUNDRY_INFERENCE_LAND_RETRY_S): {reason}"
                )
            if lost:
                log.warning("the slots' places are lost, so nothing new is asked: %s", reason)
            await asyncio.sleep(RECONNECT_S)

    async def _hold(
        self,
        demand: Callable[[str], Demand],
        changed: Callable[[], None],
        waiting: Callable[[], Mapping[str, int]],
    ) -> None:
        connection = await postgres.connect_async(self._settings)
        try:
            await connection.set_autocommit(True)
            connection.add_notify_handler(lambda _: self._woken.set())
            await self._begin(connection)
            timed = False
            while True:
                self._woken.clear()
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    await self.presence.show(connection)
                    quiet = await self._look(connection, demand, changed, timed=timed)
                    await self._backlog.tell(connection, waiting())
                wait_s = QUIET_LOOK_S if quiet else self._settings.inference_lease_s
                timed = not await self._woken_within(connection, wait_s)
        finally:
            try:
                with suppress(psycopg.Error, TimeoutError):
                    async with asyncio.timeout(FAREWELL_S):
                        await connection.execute("SELECT pg_advisory_unlock_all()")
                        await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
            finally:
                await connection.close()

    async def _begin(self, connection: psycopg.AsyncConnection[Any]) -> None:
        async with asyncio.timeout(self._settings.connect_timeout_s):
            cursor = await connection.execute(load_sql("postgres/leases/begin"))
            [(*_, self._me, up_s)] = await cursor.fetchall()
            await connection.execute(f"LISTEN {CHANNEL}")
        self._rehold_until = time.monotonic() + REHOLD_S - up_s

    async def _woken_within(self, connection: psycopg.AsyncConnection[Any], wait_s: float) -> bool:
        """Wait until something asks for a look: we, another run, or the connection's end."""
        loop, descriptor = asyncio.get_running_loop(), connection.fileno()
        loop.add_reader(descriptor, self._woken.set)
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(descriptor)
        return True

    async def _look(
        self,
        connection: psycopg.AsyncConnection[Any],
        demand: Callable[[str], Demand],
        changed: Callable[[], None],
        *,
        timed: bool,
    ) -> bool:
        """Take, give back and claim; whether all is quiet then."""
        keys = [key for lease in self._leases.values() for key in (lease.key, lease.claim_key)]
        cursor = await connection.execute(load_sql("postgres/leases/look"), {"keys": keys})
        locks = _Locks(await cursor.fetchall(), self._me)
        self._looked_at = time.monotonic()
        quiet = True
        for name, lease in self._leases.items():
            now = demand(name)
            others = locks.others(lease)
            claimed = any(other.claims for other in others)
            me = Contender(locks.me, len(lease.held), now.wanted > len(lease.held), now.interactive)
            lease.share = now.places
            if claimed:
                lease.share = shares([me, *others], now.places, locks.turn)[locks.me]
            fair = min(now.wanted, lease.share)
            if len(lease.held) < fair:
                await self._take(connection, lease, now, fair - len(lease.held))
                if lease.usable > now.in_use:
                    changed()
            elif claimed or timed or not now.places:
                await self._give(connection, lease, max(fair, now.in_use))
            lacks = demand(name).wanted > len(lease.held)
            await self._claim(connection, lease, demand(name).interactive if lacks else None)
            quiet = quiet and not lacks and not claimed
        return quiet

    async def _take(
        self, connection: psycopg.AsyncConnection[Any], lease: Lease, now: Demand, wanted: int
    ) -> None:
        if time.monotonic() < self._rehold_until:
            wanted = min(wanted, now.in_use - len(lease.held))
        if wanted <= 0:
            return
        held = [
            place for each in self._leases.values() if each.key == lease.key for place in each.held
        ]
        values = {"key": lease.key, "places": now.places, "held": held, "wanted": wanted}
        cursor = await connection.execute(load_sql("postgres/leases/take"), values)
        lease.held.update(place for (place,) in await cursor.fetchall())

    async def _give(
        self, connection: psycopg.AsyncConnection[Any], lease: Lease, keep: int
    ) -> None:
        given = [lease.held.pop() for _ in range(len(lease.held) - keep)]
        if given:
            values = {"key": lease.key, "given": given, "channel": CHANNEL}
            await connection.execute(load_sql("postgres/leases/give"), values)

    async def _claim(
        self, connection: psycopg.AsyncConnection[Any], lease: Lease, claim: int | None
    ) -> None:
        before = lease.claim
        if claim == before:
            return
        lease.claim = claim
        if before is not None:
            values = (lease.claim_key, before)
            await connection.execute("SELECT pg_advisory_unlock_shared(%s::int, %s::int)", values)
        if claim is not None:
            values = (lease.claim_key, claim)
            await connection.execute("SELECT pg_advisory_lock_shared(%s::int, %s::int)", values)
        await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


class _Locks:
    """What a look saw: by key and session, how many locks and the highest number."""

    def __init__(self, rows: Iterable[tuple[Any, ...]], me: int) -> None:
        self.me = me
        self.turn = 0
        self._seen: dict[int, dict[int, tuple[int, int]]] = {}
        for key, pid, locks, highest, epoch_s in rows:
            self._seen.setdefault(key, {})[pid] = locks, highest
            self.turn = int(epoch_s / TURN_S)

    def others(self, lease: Lease) -> list[Contender]:
        """The other runs that hold or claim places."""
        held, claims = self._seen.get(lease.key, {}), self._seen.get(lease.claim_key, {})
        return [
            Contender(
                pid,
                held[pid][0] if pid in held else 0,
                pid in claims,
                claims[pid][1] if pid in claims else 0,
            )
            for pid in {*held, *claims} - {self.me}
        ]
