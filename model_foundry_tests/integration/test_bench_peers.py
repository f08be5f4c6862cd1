"""The benchmarks' peers: each arm in its own interpreter, which needs nothing of ours."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from benchmarks import harness, peers
from benchmarks.dispatch import arms as dispatch
from benchmarks.intake import arms as intake
from benchmarks.measured import Call
from benchmarks.summaries import arms as summaries
from model_foundry.errors import FoundryError

THEIRS = {
    "litellm_router": "litellm",
    "litellm_weighted": "litellm",
    "curator": "litellm",
    "data_designer": "data_designer",
    "faststream_batch": "psycopg",
    "dlt_merge": "dlt",
    "connectorx": "connectorx",
}
"""The first import of each arm that only its peer has."""


EVERY: list[dispatch.Arm | intake.Arm] = [*dispatch.ARMS.values(), *intake.ARMS.values()]
ARMS = [arm for arm in EVERY if arm.peer]
PEERS = {arm.peer for arm in EVERY if arm.peer} | set(summaries.PEERS.values())


def calls(home: Path) -> dict[str, Call]:
    """Every arm that has a peer, with a task."""
    slot = dispatch.Slot("one", "http://127.0.0.1:1", "model", 1)
    asked = dispatch.Task((slot,), 1, 8, "salt", "postgresql://127.0.0.1:1/none", home)
    summarized = summaries.Task(asked.postgres_url, home, date(2026, 3, 1), 1)
    carried = intake.Task("nats://127.0.0.1:1", "S", "s", asked.postgres_url, home, (1,), 1)
    return {
        **{arm.name: arm.call(asked) for arm in dispatch.ARMS.values() if arm.peer},
        **{arm.name: arm.call(carried) for arm in intake.ARMS.values() if arm.peer},
        **{
            name: Call(summaries.ARMS[name], summarized, peers.python(peer))
            for name, peer in summaries.PEERS.items()
        },
    }


def test_an_arm_runs_in_its_peers_interpreter_and_imports_nothing_that_only_we_have(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A bare interpreter stands in for each peer's: what it misses first is the peer itself.
    monkeypatch.setattr(peers, "HOME", home / "peers")
    bare = home / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    (home / "peers").mkdir()
    for name in PEERS:
        (home / "peers" / name).symlink_to(bare)
    assert not any(arm.installed for arm in ARMS)
    (bare / ".installed").touch()
    assert all(arm.installed for arm in ARMS)

    found = calls(home)
    assert set(found) == set(THEIRS)
    for name, call in found.items():
        with pytest.raises(FoundryError, match=f"No module named '{THEIRS[name]}'"):
            harness.measure(call, log=home / "log")


def test_every_peer_has_its_exact_versions_and_they_name_no_registry() -> None:
    folder = Path(peers.__file__).parent
    assert {path.stem for path in folder.glob("*.in")} == PEERS
    for name in PEERS:
        lines = (folder / f"{name}.txt").read_text().splitlines()
        assert any(line.startswith(f"{name}==") for line in lines)
        assert all("==" in line and "://" not in line and line[0] != "-" for line in lines)
