"""The lake as engines of others read it, beside three processes that write: `make test-engines`."""

import contextlib
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from model_foundry.settings import Settings
from model_foundry_tests.engines.read import ENGINES
from model_foundry_tests.faults.lake_process import EVENTS, TABLE, keep_current
from model_foundry_tests.iceberg import DAYS, read_beside_writers, url_of

PYTHON = Path(__file__).parents[2] / ".engines" / "bin" / "python"
READER = Path(__file__).with_name("read.py")

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no engines are installed: `make test-engines` does"
)


@contextlib.contextmanager
def reader(settings: Settings, engine: str) -> Iterator[Callable[[], tuple[int, int]]]:
    """Rows and distinct events, each time it is asked; a process of its own."""
    with subprocess.Popen(
        [PYTHON, READER, engine, str(settings.lake_catalog), TABLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        cwd=settings.home,  # ClickHouse reads files below it, no others
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{url_of(settings)}\n")
            yield partial(_ask, process)
            process.stdin.close()
        finally:
            process.kill()


def _ask(process: "subprocess.Popen[str]") -> tuple[int, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("again\n")
    answer = process.stdout.readline()
    assert answer, "the engine failed; its own words are above"
    rows, distinct = json.loads(answer)
    return rows, distinct


@pytest.mark.timeout(1_200)
def test_five_engines_read_whole_days(
    settings: Settings, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings.model_copy(
        update={"lake_catalog": "foundry", "lake_grace_s": 20.0, "lake_max_parts": 3}
    )
    for day in DAYS:
        keep_current(settings, day, 0, rebuild=False)
    with contextlib.ExitStack() as stack:
        readers = {name: stack.enter_context(reader(settings, name)) for name in ENGINES}
        rounds = request.config.getoption("--race-rounds")
        reads = read_beside_writers(settings, rounds, readers)
    assert min(reads.values()) > 5
    with capsys.disabled():
        print(f"\nwhole reads: {reads}")


def test_what_the_page_says_is_so(settings: Settings) -> None:
    settings = settings.model_copy(update={"lake_catalog": "foundry"})
    for number in range(2):
        keep_current(settings, DAYS[0], number, rebuild=False)
    page = (Path(__file__).parents[2] / "docs" / "lake.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", code],
        env=os.environ | {"MODEL_FOUNDRY_POSTGRES_URL": settings.require_postgres_url()},
        cwd=settings.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if line)
    assert told == dict.fromkeys(
        ("PyIceberg", "polars", "ClickHouse", "Daft", "DuckDB"), str(2 * EVENTS)
    )
