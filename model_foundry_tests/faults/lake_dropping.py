"""A process that compacts days of the lake and drops them from PostgreSQL, over and over.

lake_dropping ROUNDS DAY …
"""

import contextlib
import itertools
import sys
from datetime import date

from model_foundry import lake, postgres
from model_foundry.lake.retention import drop_day
from model_foundry.settings import Settings
from model_foundry_tests.faults.lake_process import TABLE


def main() -> None:
    """For so many rounds, and until a day was dropped: it is kept while others write to it."""
    settings = Settings()
    days = [date.fromisoformat(day) for day in sys.argv[2:]]
    done = 0
    for number in itertools.count(1):
        for day in days:
            for name in (TABLE, "event_inbox"):
                lake.compact_day(settings, name, day)
            with contextlib.closing(postgres.connect(settings)) as connection:
                dropped = drop_day(settings, connection, day)
            done += dropped.kept_because is None and any(dropped.rows.values())
        if done and number >= int(sys.argv[1]):
            break


if __name__ == "__main__":
    main()
