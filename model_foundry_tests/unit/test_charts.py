"""What a chart has no room for is added up, and drawn."""

import re

from model_foundry.looks import charts
from model_foundry.looks.charts import Scale

MANY = {f"name-{n}": {"ja": n, "en": 1} for n in range(30)}


def texts(chart: charts.Chart) -> list[str]:
    return re.findall(r">([^<>]+)</text>", chart.svg)


def test_names_beyond_the_eighth_are_added_up() -> None:
    shown = charts.with_others(MANY)
    assert list(shown) == [f"name-{n}" for n in range(29, 22, -1)] + ["23 others"]
    assert shown["23 others"] == {"ja": sum(range(23)), "en": 23}
    few = {"a": {1: 2.5}, "b": {1: 3.0}}
    assert charts.with_others(few) == few


def test_bars_beyond_the_twelfth_are_one() -> None:
    by_language = {"ja": {name: values["ja"] for name, values in MANY.items()}}
    labels = texts(charts.bars("Turns", Scale("turns"), by_language))
    assert {"name-29", "name-19", "19 others"} <= set(labels)
    assert "name-18" not in labels
    twelve = {"ja": {f"name-{n}": n for n in range(12)}}
    assert not [each for each in texts(charts.bars("", Scale(""), twelve)) if "others" in each]
