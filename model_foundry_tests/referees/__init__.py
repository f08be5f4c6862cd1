"""Programs that judge what ours writes, each in an interpreter of its own: `make referees`.

translate-toolkit is under the GPL, and so no dependency of ours, not even of the tests.
"""

from pathlib import Path
from typing import Final

import pytest

HOME: Final = Path(__file__).parents[2] / ".referees"


def referee(name: str) -> Path:
    """The interpreter of a referee; without it the test is skipped, and says so."""
    if not (HOME / name / ".installed").exists():
        pytest.skip(f"SKIPPED: .referees/{name} is not there; `make referees` installs it")
    return HOME / name / "bin" / "python"
