"""Moments: how often, and when, a drill strikes; and what the drills came to, at the end."""

import random
from collections import Counter
from typing import NamedTuple

import pytest

_CAME_TO = pytest.StashKey[dict[str, Counter[str]]]()


class Moment(NamedTuple):
    """When a fault strikes: after a share of the events, and so many seconds more."""

    number: int
    share: float
    delay_s: float
    lasts_s: float

    @property
    def even(self) -> bool:
        """Of two variants of a drill, which."""
        return self.number % 2 == 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `moment` runs at `--moments` of them, the same ones every time."""
    if "moment" in metafunc.fixturenames:
        count: int = metafunc.config.getoption("--moments")
        dice = random.Random(metafunc.function.__name__)
        moments = [
            Moment(
                number,
                dice.uniform(0, 0.9),
                dice.uniform(0, 0.03),
                dice.uniform(1, 1 + min(1.5, count / 10)),
            )
            for number in range(count)
        ]
        metafunc.parametrize("moment", moments, ids=[f"moment{one.number}" for one in moments])


@pytest.fixture
def came_to(request: pytest.FixtureRequest) -> Counter[str]:
    """Figures of this drill over all its moments, shown when all tests are over."""
    drill: str = request.function.__name__
    return request.config.stash.setdefault(_CAME_TO, {}).setdefault(drill, Counter())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One line a drill."""
    for drill, figures in config.stash.get(_CAME_TO, {}).items():
        told = ", ".join(f"{name} {value:,}" for name, value in figures.items())
        terminalreporter.write_line(f"{drill}: {told}")
