"""What is measured, in which order, and what the result file says of it."""

import contextlib
import math
import re
import shutil
import statistics
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import harness, peers
from benchmarks.dispatch.arms import (
    ANYWHERE,
    ARMS,
    BARE_LOOP,
    CHEAPEST,
    CONVERSATIONS,
    GATHER,
    LITELLM,
    LITELLM_WEIGHTED,
    OURS,
    PEERS,
    SEMAPHORE,
    Slot,
    Task,
)
from benchmarks.dispatch.server import ExactServer, Seen
from benchmarks.harness import Outcome
from model_foundry import postgres
from model_foundry.devstack.postgres import PostgresServer
from model_foundry.devstack.slots import SlotServer
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import load_fleet
from model_foundry.paths import data_path
from model_foundry.settings import Settings

NAME: Final = "dispatch"
DISTRIBUTIONS: Final = ("openai", "httpx", "httpx2", "psycopg", "xllamacpp")
LIMIT_S: Final = 7_200.0
QUEUE_AHEAD: Final = 4
SHORT_TOKENS: Final = 8
# Of conversations, where only reading is of interest.
FEW_TOKENS: Final = 2
LLAMA_SLOT: Final = "naughty"

_GENERATED: Final = re.compile(r"^llamacpp:tokens_predicted_total (\S+)$", re.MULTILINE)

Report = Callable[[str], None]


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        jobs: of every comparison on exact servers.
        dealt_jobs: of the arms that give an unequal slot as much as a fast one.
        rounds: of every arm; medians are taken over them.
        delay_ms: of the servers that are slow in the full benchmark.
        llama_jobs: per arm and round, on the real slot.
        llama_tokens: at most, of an answer there.
        many_jobs: whose peak memory is measured.
        conversations: recorded ones of growing length, on two real slots.
    """

    jobs: int
    dealt_jobs: int
    rounds: int
    delay_ms: float
    llama_jobs: int
    llama_tokens: int
    many_jobs: int
    conversations: int


FULL: Final = Size(
    jobs=1_000,
    dealt_jobs=100,
    rounds=3,
    delay_ms=400,
    llama_jobs=30,
    llama_tokens=32,
    many_jobs=100_000,
    conversations=200,
)
QUICK: Final = Size(
    jobs=80,
    dealt_jobs=22,
    rounds=1,
    delay_ms=50,
    llama_jobs=6,
    llama_tokens=8,
    many_jobs=400,
    conversations=8,
)


class Comparison(NamedTuple):
    """Arms on the same exact servers.

    Attributes:
        servers: parallel and delay in ms of each.
        arms: their names here, each with the arm's module and the `queue_ahead` of its slots.
    """

    servers: tuple[tuple[int, float], ...]
    arms: dict[str, tuple[str, int]]

    def ideal_s(self, jobs: int) -> float:
        """The shortest time in which these servers can answer so many jobs, whole ones each."""
        low, high = 0.0, jobs * max(delay for _, delay in self.servers) / 1000
        for _ in range(60):
            middle = (low + high) / 2
            done = sum(
                parallel * math.floor(middle * 1000 / delay + 1e-9)
                for parallel, delay in self.servers
            )
            low, high = (low, middle) if done >= jobs else (middle, high)
        return high


def comparisons(size: Size) -> dict[str, Comparison]:
    """Those on exact servers, by the name that they have in the result file."""
    delay = size.delay_ms
    all_of = {name: (name, 0) for name in (OURS, CHEAPEST, GATHER, SEMAPHORE, *PEERS)}
    dealt = {name: (name, 0) for name in (OURS, CHEAPEST, SEMAPHORE, LITELLM, LITELLM_WEIGHTED)}
    ahead = {
        OURS: (OURS, QUEUE_AHEAD),
        CHEAPEST: (CHEAPEST, QUEUE_AHEAD),
        f"{OURS}_without_queue_ahead": (OURS, 0),
        SEMAPHORE: (SEMAPHORE, 0),
        f"{SEMAPHORE}_with_{QUEUE_AHEAD}_more": (SEMAPHORE, QUEUE_AHEAD),
    }
    return {
        "8x400ms": Comparison(((8, delay),), all_of),
        "unequal": Comparison(((8, delay), (3, 5 * delay)), dealt),
        "8x50ms": Comparison(((8, 50.0),), ahead),
    }


def run(size: Size, directory: Path, report: Report) -> dict[str, Any]:
    """Measure everything, on servers that live and end in a folder of `directory`.

    Raises:
        FoundryError: a server does not start, an arm failed, did not ask each job once, or ours
            sent a server more than it may.
    """
    directory = directory / f"run-{uuid.uuid4().hex[:8]}"
    directory.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        log = directory / "postgres.log"
        server = stack.enter_context(PostgresServer(directory / "postgres", log=log))
        settings = Settings.model_validate({"home": directory, "postgres_url": server.url})
        with contextlib.closing(postgres.connect(settings)) as connection:
            postgres.migrate(connection)
            connection.commit()
            version = connection.info.server_version
        facts = harness.machine_facts(
            DISTRIBUTIONS,
            postgresql=f"{version // 10000}.{version % 10000}",
            **peers.versions(arm.peer for arm in ARMS.values()),
        )
        return {"machine": facts, **_Benchmark(size, directory, server.url, report).run()}


class _Benchmark:
    def __init__(self, size: Size, directory: Path, postgres_url: str, report: Report) -> None:
        self._size = size
        self._directory = directory
        self._postgres_url = postgres_url
        self._report = report
        self._log = directory / "processes.log"

    def run(self) -> dict[str, Any]:
        for arm in ARMS.values():
            if not arm.installed:
                self._report(peers.skipped(arm.name, arm.peer))
        measured: dict[str, Any] = {
            name: self._compare(name, comparison)
            for name, comparison in comparisons(self._size).items()
        }
        measured["llamacpp"] = self._llama_cpp()
        measured["instant"] = self._instant()
        measured["many_jobs"] = self._many_jobs()
        measured["conversations"] = self._conversations()
        compared = comparisons(self._size)
        cpu = {
            name: figures["client_cpu_ms_per_request"]["median"]
            for name, figures in measured["instant"].items()
        }
        return {
            "size": self._size._asdict(),
            "arms": measured,
            "ratios": {
                "utilization_8x400ms": _utilization(measured["8x400ms"]),
                "utilization_unequal": _utilization(measured["unequal"]),
                "utilization_8x50ms_queue_ahead": _utilization(measured["8x50ms"]),
                **{f"of_the_bound_{name}": _of_the_bound(measured[name]) for name in compared},
                "vs_bare_loop_llamacpp": measured["llamacpp"]["ratio"],
                "cached_tokens_with_affinity": measured["conversations"]["ratio"],
            },
            "cpu_ms_per_request_overhead": round(cpu[OURS] - cpu[SEMAPHORE], 3),
            "peak_rss_mb_100k_jobs": measured["many_jobs"][OURS]["peak_rss_mb"],
        }

    def _compare(self, name: str, comparison: Comparison) -> dict[str, dict[str, Any] | None]:
        """Every arm in rotated order; None for a peer that is not there."""
        there = [arm for arm, (module, _) in comparison.arms.items() if ARMS[module].installed]
        utilizations: dict[str, list[float]] = {arm: [] for arm in there}
        outcomes: dict[str, list[Outcome]] = {arm: [] for arm in there}
        peaks = {arm: [0] * len(comparison.servers) for arm in there}
        with self._servers(comparison.servers) as servers:
            for order in harness.rotated(there, self._size.rounds):
                for arm in order:
                    jobs = self._jobs(arm, comparison)
                    module, queue_ahead = comparison.arms[arm]
                    outcome, seen = self._ask(module, servers, jobs, queue_ahead)
                    outcomes[arm].append(outcome)
                    utilizations[arm].append(comparison.ideal_s(jobs) / outcome.seconds)
                    peaks[arm] = [
                        max(peak, one.peak) for peak, one in zip(peaks[arm], seen, strict=True)
                    ]
                    self._report(f"{name}, {arm}: {utilizations[arm][-1]:.3f} of the ideal")
        return {
            arm: {
                "jobs": self._jobs(arm, comparison),
                "utilization": harness.summary(utilizations[arm], 3),
                **_figures(outcomes[arm], self._jobs(arm, comparison)),
                "peak_in_flight": peaks[arm],
            }
            if arm in there
            else None
            for arm in comparison.arms
        }

    def _jobs(self, arm: str, comparison: Comparison) -> int:
        dealt = len(comparison.servers) > 1 and arm == SEMAPHORE
        return self._size.dealt_jobs if dealt else self._size.jobs

    @contextlib.contextmanager
    def _servers(self, servers: Sequence[tuple[int, float]]) -> Iterator[list[ExactServer]]:
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(ExactServer(f"exact-{number}", parallel, delay_ms))
                for number, (parallel, delay_ms) in enumerate(servers)
            ]

    def _ask(
        self, module: str, servers: Sequence[ExactServer], jobs: int, queue_ahead: int = 0
    ) -> tuple[Outcome, list[Seen]]:
        """One run of an arm; what the servers saw is checked."""
        slots = [server.slot(queue_ahead) for server in servers]

        def forget() -> None:  # what was asked while it was prepared
            for server in servers:
                server.seen()

        outcome = self._measure(module, slots, jobs, SHORT_TOKENS, forget)
        seen = [server.seen() for server in servers]
        asked = sum(one.requests for one in seen)
        if asked != jobs:
            raise FoundryError(f"{module} asked {asked:,} times, for {jobs:,} jobs")
        for slot, one in zip(slots, seen, strict=True):
            if module == OURS and one.peak > slot.parallel + slot.queue_ahead:
                raise FoundryError(f"ours had {one.peak} requests at once on slot {slot.name}")
        return outcome, seen

    def _measure(
        self,
        module: str,
        slots: Sequence[Slot],
        jobs: int,
        tokens: int,
        ready: Callable[[], object] = lambda: None,
    ) -> Outcome:
        task = Task(
            slots=tuple(slots),
            jobs=jobs,
            max_tokens=tokens,
            salt=uuid.uuid4().hex[:8],
            postgres_url=self._postgres_url,
            directory=self._directory,
        )
        call = ARMS[module].call(task)
        [outcome] = harness.measure(call, log=self._log, limit_s=LIMIT_S, ready=ready)
        return outcome

    def _llama_cpp(self) -> dict[str, Any]:
        """Generated tokens per second of a real slot, by its own count, and ours to the loop's."""
        slots = load_fleet(data_path("fleets") / "embedded.yaml").slots
        [declared] = [slot for slot in slots if slot.name == LLAMA_SLOT]
        rates: dict[str, list[float]] = {OURS: [], BARE_LOOP: []}
        before: list[float] = []
        log = self._directory / "llama.log"
        with SlotServer(declared, directory=self._directory / "models", log=log) as server:
            slot = Slot(
                name=declared.name,
                endpoint=server.url,
                model=declared.model,
                parallel=declared.parallel,
                context_tokens=declared.context_tokens,
            )
            self._measure(BARE_LOOP, [slot], slot.parallel, SHORT_TOKENS)  # the first is slower
            for order in harness.rotated(list(rates), self._size.rounds):
                for arm in order:
                    outcome = self._measure(
                        arm,
                        [slot],
                        self._size.llama_jobs,
                        self._size.llama_tokens,
                        lambda: before.append(_generated(server.url)),
                    )
                    rates[arm].append((_generated(server.url) - before[-1]) / outcome.seconds)
                    self._report(f"llama.cpp, {arm}: {rates[arm][-1]:.1f} tokens/s")
        medians = {arm: statistics.median(values) for arm, values in rates.items()}
        return {
            **{arm: {"tokens_per_s": harness.summary(values, 2)} for arm, values in rates.items()},
            "ratio": round(medians[OURS] / medians[BARE_LOOP], 3),
        }

    def _conversations(self) -> dict[str, Any]:
        """Prompt tokens that two real slots had in their caches, with prefix affinity and without.

        `busy` is the part of the time that a place worked.
        """
        slots = load_fleet(data_path("fleets") / "embedded.yaml").slots
        [declared] = [slot for slot in slots if slot.name == LLAMA_SLOT]
        figures: dict[str, dict[str, Any]] = {}
        for arm in (ANYWHERE, CONVERSATIONS):
            with contextlib.ExitStack() as stack:
                servers = [
                    stack.enter_context(
                        SlotServer(
                            declared.model_copy(update={"name": f"conversations-{number}"}),
                            directory=self._directory / "models",
                            log=self._directory / "llama.log",
                        )
                    )
                    for number in range(2)
                ]
                told = [
                    Slot(
                        name=server.slot.name,
                        endpoint=server.url,
                        model=declared.model,
                        parallel=declared.parallel,
                        context_tokens=declared.context_tokens,
                    )
                    for server in servers
                ]
                outcome = self._measure(arm, told, self._size.conversations, FEW_TOKENS)
            figures[arm] = self._cached(outcome, sum(slot.parallel for slot in told))
            self._report(f"{arm}: {figures[arm]['cached_share']:.3f} of the prompts cached")
        cached = {arm: each["cached_tokens"] for arm, each in figures.items()}
        return {**figures, "ratio": round(cached[CONVERSATIONS] / max(1, cached[ANYWHERE]), 3)}

    def _cached(self, outcome: Outcome, places: int) -> dict[str, Any]:
        """What the last arm's answers say of the caches; its results are forgotten then."""
        settings = Settings.model_validate(
            {"home": self._directory, "postgres_url": self._postgres_url}
        )
        query = "SELECT sum(cached_tokens), sum(input_tokens), sum(total_ms) FROM inference_result"
        with contextlib.closing(postgres.connect(settings)) as connection:
            # The first conversation of each arm is of its preparation.
            [(cached, read, total_ms)] = connection.execute(
                f"{query} WHERE recipe = %s AND source_event_id NOT LIKE '%%-first-%%'",
                (CONVERSATIONS,),
            ).fetchall()
            connection.execute("DELETE FROM inference_result WHERE recipe = %s", (CONVERSATIONS,))
            connection.commit()
        return {
            "seconds": round(outcome.seconds, 2),
            "input_tokens": int(read),
            "cached_tokens": int(cached),
            "cached_share": round(int(cached) / int(read), 3),
            "busy": round(float(total_ms) / 1000 / outcome.seconds / places, 3),
        }

    def _instant(self) -> dict[str, dict[str, Any]]:
        """What a request costs the client, on a server that answers at once."""
        outcomes: dict[str, list[Outcome]] = {OURS: [], SEMAPHORE: []}
        with self._servers([(8, 0.0)]) as servers:
            for order in harness.rotated(list(outcomes), self._size.rounds):
                for arm in order:
                    outcome, _ = self._ask(arm, servers, self._size.jobs)
                    outcomes[arm].append(outcome)
                    cpu_ms = outcome.cpu_s * 1000 / self._size.jobs
                    self._report(f"instant, {arm}: {cpu_ms:.2f} ms of CPU a request")
        return {arm: _figures(outcomes[arm], self._size.jobs) for arm in outcomes}

    def _many_jobs(self) -> dict[str, dict[str, Any]]:
        with self._servers([(8, 0.0)]) as servers:
            outcome, _ = self._ask(OURS, servers, self._size.many_jobs)
        self._report(f"{self._size.many_jobs:,} jobs: {outcome.peak_rss_mb:.0f} MB at most")
        jobs = self._size.many_jobs
        return {OURS: {"jobs": jobs, **_figures([outcome], jobs)}}


def _figures(outcomes: Sequence[Outcome], jobs: int) -> dict[str, Any]:
    return {
        "seconds": harness.summary([outcome.seconds for outcome in outcomes], 2),
        "client_cpu_ms_per_request": harness.summary(
            [outcome.cpu_s * 1000 / jobs for outcome in outcomes], 3
        ),
        "peak_rss_mb": round(max(outcome.peak_rss_mb for outcome in outcomes), 1),
    }


def _of_the_bound(measured: dict[str, Any]) -> float:
    """Ours to the cheapest client: what the test server can give."""
    bound = float(measured[CHEAPEST]["utilization"]["median"])
    return round(_utilization(measured) / bound, 3)


def _utilization(measured: dict[str, Any]) -> float:
    return float(measured[OURS]["utilization"]["median"])


def _generated(url: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:  # noqa: S310
        match = _GENERATED.search(response.read().decode())
    if match is None:
        raise FoundryError(f"{url}/metrics does not count tokens")
    return float(match[1])
