"""Peers that live in an interpreter of their own, since they cannot share ours.

`make bench-peers` makes `.peers/NAME` for every NAME.txt here: the distribution of that name, and
what its arm needs besides, in exact versions (compiled from NAME.in by `make lock`). Only the
standard library is imported here and by every arm of such a peer, but for what its NAME.txt lists.
"""

import importlib.metadata
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

HOME: Final = Path(os.environ.get("BENCHMARK_PEERS", Path(__file__).parents[2] / ".peers"))


def python(name: str | None) -> Path:
    """The interpreter of a peer, whether or not it is there; None: ours."""
    return HOME / name / "bin" / "python" if name else Path(sys.executable)


def installed(name: str | None) -> bool:
    """Whether `make bench-peers` has installed it; ours is there."""
    return name is None or (HOME / name / ".installed").exists()


def skipped(arm: str, name: str | None) -> str:
    """What to say of an arm whose peer is not installed."""
    return (
        f"[bold red]SKIPPED: {arm}; its figure is null. It needs .peers/{name}, "
        "which `make bench-peers` installs"
    )


def versions(names: Iterable[str | None]) -> dict[str, str]:
    """The versions of those that are installed."""
    found = {}
    for name in filter(None, names):
        folders = [str(path) for path in HOME.glob(f"{name}/lib/python*/site-packages")]
        for distribution in importlib.metadata.distributions(name=name, path=folders):
            found[name] = distribution.version
    return found
