"""What a lake in a bucket costs in requests."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.summaries import views
from model_foundry_tests.faults.lake_process import EVENTS, SUMMARY, TABLE, keep_current, land_round
from model_foundry_tests.integration.test_lake_s3 import bucket

s3fs = pytest.importorskip("s3fs")
DAY = date(2026, 11, 20)
__all__ = ["bucket"]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many there were, by what they ask for: an object, or a listing."""
    counted: Counter[str] = Counter()
    call = s3fs.S3FileSystem._call_s3

    async def counting(self: Any, method: str, *arguments: Any, **more: Any) -> Any:
        counted[more.get("Key") or "listing"] += 1
        return await call(self, method, *arguments, **more)

    monkeypatch.setattr(s3fs.S3FileSystem, "_call_s3", counting)
    return counted


def test_requests_of_a_refresh_and_of_a_query(
    settings: Settings, bucket: str, requests: Counter[str]
) -> None:
    settings = settings.model_copy(update={"lake_url": bucket})
    for day in (DAY - timedelta(days=1), DAY):
        for number in range(3):
            keep_current(settings, day, number, rebuild=False)
    land_round(settings, DAY, 3, rebuild=False)

    requests.clear()
    assert lake.refresh_day(settings, TABLE, DAY).refreshed
    assert requests.total() <= 10
    requests.clear()
    assert not lake.refresh_day(settings, TABLE, DAY).refreshed
    assert requests.total() <= 3

    place = lake.lake_of(settings)

    def live() -> set[str]:
        listed = place.live(TABLE, DAY)
        return {place.address(file.path).removeprefix("s3://lake/") for file in listed}

    before = live()
    requests.clear()
    keep_current(settings, DAY, 4, rebuild=False)
    assert {file: requests[file] for file in before if requests[file] > 3} == {}
    files = live()
    assert len(files) == len(before) + 1 == 5

    with views.open_views(settings) as reader:
        requests.clear()
        asked = f"SELECT count(*), max(event_id) FROM {TABLE} WHERE occurred_on = ?"
        assert reader.execute(asked, [DAY]).fetchall() == [(5 * EVENTS, f"{DAY}-4-9")]
        assert {file for file in requests if "day=" in file} == files
        assert max(requests[file] for file in files) <= 3
        assert requests["listing"] <= 3
        requests.clear()
        assert reader.execute(asked, [DAY]).fetchall() == [(5 * EVENTS, f"{DAY}-4-9")]
        assert not requests.keys() & files  # what never changes is known now
        # What comes meanwhile is seen all the same.
        keep_current(settings, DAY, 5, rebuild=True)
        assert reader.execute(asked, [DAY]).fetchall() == [(6 * EVENTS, f"{DAY}-5-9")]
        assert reader.execute(f"SELECT sum(calls) FROM {SUMMARY} WHERE day = ?", [DAY]).fetchall()
