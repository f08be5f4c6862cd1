"""Where the data files that travel with the package lie: sql/, fleets/, dagster.yaml.

In a checkout they stand beside the package; in an installed wheel, inside it.
"""

from pathlib import Path

PACKAGE = Path(__file__).parent


def data_path(name: str) -> Path:
    """Path of a shipped file or folder (`sql`, `fleets`, `dagster.yaml`).

    Raises:
        FileNotFoundError: neither the wheel nor the checkout has it: the installation is broken.
    """
    for root in (PACKAGE, PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{name} is missing beside {PACKAGE}: reinstall model-foundry")
