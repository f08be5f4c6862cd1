"""A process that keeps days of the lake current, over and over: `lake_process DAY … [--rounds N]`.

Each round: so many new events of each day are put into PostgreSQL and taken into the lake and a
summary; every third round the flat table is rebuilt, so that its day is replaced.
"""

import contextlib
import sys
from datetime import UTC, date, datetime
from typing import Final

import duckdb

from model_foundry import lake, postgres
from model_foundry.events.envelope import Message
from model_foundry.intake.landing import Lander
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.summaries.day import summarize_day
from model_foundry_tests.line import event

TABLE: Final = "llm_tool_call"
SUMMARY: Final = "daily_tool_calls"
EVENTS: Final = 40


def keep_current(settings: Settings, day: date, number: int, *, rebuild: bool) -> None:
    """One round of one day: land, flatten, refresh, summarize."""
    land_round(settings, day, number, rebuild=rebuild)
    with duckdb.connect() as memory:
        summarize_day(settings, memory, SUMMARY, day)
    lake.refresh_day(settings, "event_inbox", day)
    lake.compact_day(settings, "event_inbox", day)


def land_round(settings: Settings, day: date, number: int, *, rebuild: bool) -> None:
    """Events of a day, into the inbox and the flat table."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    messages = [
        Message(
            "llm.tool_call",
            event(event_id=f"{day}-{number}-{one}", occurred_at=at).body,
            None,
            settings.nats_stream,
            day.toordinal() * 10**6 + number * EVENTS + one,
            datetime.now(UTC),
        )
        for one in range(EVENTS)
    ]
    with contextlib.closing(Lander(settings)) as lander:
        lander.land(messages)
    with contextlib.closing(postgres.connect(settings)) as connection:
        flat.flatten_day(connection, TABLE, day, rebuild=rebuild)


def main() -> None:
    """Until it is killed, or for so many rounds."""
    settings = Settings()
    first, rounds = int(sys.argv[1]), int(sys.argv[2])
    days = [date.fromisoformat(day) for day in sys.argv[3:]]
    for number in range(first, first + rounds):
        for day in days:
            keep_current(settings, day, number, rebuild=number % 3 == 2)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
