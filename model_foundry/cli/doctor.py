"""`model-foundry doctor`: the checks of a first hour, each with what to do about it.

Belongs here: what may be wrong with a machine, its settings, the line and its last runs. Does not:
looking at the servers (`status`).
"""

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple

import psutil
import psycopg
from rich.text import Text

from model_foundry import postgres
from model_foundry.assets.partitions import first_day
from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain
from model_foundry.cli.status import Part, all_parts
from model_foundry.components.own import broken_definitions
from model_foundry.devstack.processes import require_free_port
from model_foundry.devstack.wheels import INSTALL
from model_foundry.errors import FoundryError
from model_foundry.fleet.names import unknown_names
from model_foundry.postgres import flat
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX, embedded_stack_is_running
from model_foundry.summaries.older import older_days

State = Literal["ok", "warning", "failed"]
_STYLES: Final[dict[State, str]] = {"ok": "green", "warning": "yellow", "failed": "bold red"}
_GIB: Final = 1024**3
# What the embedded stack took on a first day, and room to grow.
_DISK_GIB: Final = (1.0, 5.0)
_MEMORY_GIB: Final = (1.0, 2.0)
_RECENTLY: Final = timedelta(days=1)
_NAMED: Final = 5


class Finding(NamedTuple):
    """What one check found; `remedy` is what to do, empty where nothing is."""

    check: str
    state: State
    found: str
    remedy: str = ""


def run_doctor(*, port: int, as_json: bool) -> int:
    """Print every check; the exit code, 1 if one failed."""
    findings = []
    for finding in examine(port):
        findings.append(finding)
        if not as_json:
            _show(finding)
    ok = all(finding.state != "failed" for finding in findings)
    if as_json:
        told = {"ok": ok, "checks": [finding._asdict() for finding in findings]}
        sys.stdout.write(json_line(told) + "\n")
    return 0 if ok else 1


def _show(finding: Finding) -> None:
    state = (f"{finding.state:8}", _STYLES[finding.state])
    line = Text.assemble(state, f" {finding.check:14} ", plain(finding.found))
    console.print(line, soft_wrap=True, highlight=False)
    if finding.remedy:
        line = Text.assemble(" " * 24, plain(finding.remedy, style="dim"))
        console.print(line, soft_wrap=True, highlight=False)


def examine(port: int) -> Iterator[Finding]:
    """Every check, in the order in which a first hour meets them.

    `port` is that of the Dagster UI.
    """
    yield _python()
    try:
        settings = Settings()
    except FoundryError as error:
        yield Finding("settings", "failed", str(error), "Correct it in the environment or in .env.")
        return
    yield _settings()
    yield _home(settings)
    yield _disk(settings)
    own_servers = settings.nats_url is not None and settings.postgres_url is not None
    runs = embedded_stack_is_running(settings.home)
    embedded = runs or not own_servers
    if embedded:
        yield _memory()
        yield _wheels()
    yield from _ports(settings, port)
    if own_servers or runs:
        for part in all_parts(settings):
            yield _server(part)
        yield _days(settings)
        yield _older_code(settings)
    else:
        yield Finding(
            "stack",
            "warning",
            f"nothing runs in {settings.home}",
            "Start it: `make dev`, or `model-foundry up`. Servers of your own: set "
            f"{PREFIX}NATS_URL and {PREFIX}POSTGRES_URL, or let `model-foundry init` ask.",
        )
    yield _definitions(settings)
    yield from _history(settings)


def _python() -> Finding:
    told = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if platform.system() not in {"Linux", "Darwin"}:
        return Finding("Python", "failed", told, "Linux or macOS is needed; on Windows, use WSL.")
    if sys.maxsize < 2**32:
        return Finding("Python", "failed", told, "A Python of 64 bits is needed.")
    return Finding("Python", "ok", told)


def _settings() -> Finding:
    if unknown := unknown_names():
        told = "; ".join(f"{name} is no setting{meant}" for name, meant in unknown.items())
        return Finding(
            "settings", "warning", told, "`model-foundry settings` lists those that there are."
        )
    return Finding("settings", "ok", "every MODEL_FOUNDRY_ name is one")


def _home(settings: Settings) -> Finding:
    home = settings.home
    there = _nearest(home)
    if not there.is_dir():
        what = f"{there} is no folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        what = f"{there} cannot be written by this user"
    else:
        return Finding("home", "ok", f"{home}{'' if home.exists() else ', not made yet'}")
    return Finding("home", "failed", what, f"Give it to this user, or set {PREFIX}HOME.")


def _disk(settings: Settings) -> Finding:
    least, good = _DISK_GIB
    return _room(
        "disk",
        shutil.disk_usage(_nearest(settings.home)).free / _GIB,
        (least, good),
        f"free for {settings.home}",
        f"Make room, or set {PREFIX}HOME to a folder on a larger disk.",
    )


def _memory() -> Finding:
    return _room(
        "memory",
        psutil.virtual_memory().available / _GIB,
        _MEMORY_GIB,
        "free",
        "The embedded stack runs three small models: end something else, or use slots elsewhere "
        "(`model-foundry init`).",
    )


def _room(check: str, gib: float, bounds: tuple[float, float], what: str, remedy: str) -> Finding:
    least, good = bounds
    state: State = "failed" if gib < least else "warning" if gib < good else "ok"
    told = f"{gib:,.1f} GiB {what}"
    return Finding(check, state, told) if state == "ok" else Finding(check, state, told, remedy)


def _wheels() -> Finding:
    missing = []
    for name in _embedded_wheels():
        try:
            importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        told = f"not installed: {', '.join(missing)}"
        return Finding("wheels", "failed", told, f"The embedded stack needs them: {INSTALL}")
    return Finding("wheels", "ok", "the embedded servers and models are installed")


def _embedded_wheels() -> list[str]:
    """What the extra `embedded` names, by our own metadata."""
    found = []
    for requirement in importlib.metadata.requires("model-foundry") or ():
        wanted, _, marker = requirement.partition(";")
        if re.search(r"""extra\s*==\s*['"]embedded['"]""", marker) and (
            name := re.match(r"[A-Za-z0-9._-]+", wanted)
        ):
            found.append(name[0])
    return found


def _ports(settings: Settings, port: int) -> Iterator[Finding]:
    wanted = {
        "the Dagster UI": (port, "`make dev PORT=…`, or `model-foundry dev --port …`"),
        "the live page": (settings.exporter_port, f"{PREFIX}EXPORTER_PORT"),
        "NATS": (settings.embedded_nats_port, f"{PREFIX}EMBEDDED_NATS_PORT"),
        "PostgreSQL": (settings.embedded_postgres_port, f"{PREFIX}EMBEDDED_POSTGRES_PORT"),
    }
    runs = embedded_stack_is_running(settings.home)
    for service, (number, option) in wanted.items():
        if not number:
            continue
        try:
            require_free_port(number, service, option)
        except FoundryError as error:
            if runs:
                yield Finding(f"port {number}", "ok", f"in use while the stack runs ({service})")
            else:
                remedy = f"Another port for {service}: {option}."
                yield Finding(f"port {number}", "failed", str(error), remedy)
        else:
            yield Finding(f"port {number}", "ok", f"free for {service}")


def _server(part: Part) -> Finding:
    if part.state == "up":
        if part.figures.get("differences"):
            remedy = "Correct the fleet file, or the server: `model-foundry fleet check`."
            return Finding(part.name, "warning", part.detail, remedy)
        return Finding(part.name, "ok", part.detail)
    if part.name.startswith("slot "):
        remedy = (
            "Start it (`model-foundry fleet render` says how), or use a profile without it: "
            f"{PREFIX}PROFILE."
        )
        return Finding(part.name, "warning", part.detail, remedy)
    return Finding(part.name, "failed", part.detail, "See what it says; `model-foundry settings`.")


def _days(settings: Settings) -> Finding:
    today = datetime.now(UTC).date()
    try:
        with closing(postgres.connect(settings)) as connection:
            stale = sorted(flat.stale_days(connection))
        first = first_day(settings)
    except (FoundryError, psycopg.Error):
        return Finding(
            "days", "warning", "PostgreSQL cannot be asked which there are", "See above."
        )
    early = [day for day in stale if day < first]
    late = [day for day in stale if day > today]
    waiting = [day for day in stale if first <= day <= today]
    if early:
        told = f"{_listed(early)}: before the first day, {first}"
        return Finding("days", "warning", told, f"Set {PREFIX}FIRST_DAY earlier to have them.")
    if late:
        told = f"{_listed(late)}: not begun in UTC yet"
        remedy = "They wait until then: look at the clock and the UTC offset of who publishes them."
        return Finding("days", "warning", told, remedy)
    if waiting:
        told = f"{_listed(waiting)}: with events that no flat table has yet"
        remedy = "`make dev` brings them up by itself, within a minute; see its runs."
        return Finding("days", "warning", told, remedy)
    return Finding("days", "ok", f"from {first} on, and every event is in its flat table")


def _older_code(settings: Settings) -> Finding:
    try:
        days = older_days(settings)
    except (FoundryError, psycopg.Error):
        return Finding("summaries", "warning", "PostgreSQL cannot be asked for them", "See above.")
    if not days:
        return Finding("summaries", "ok", "every day was computed by the code of this version")
    counts = sorted(Counter(each.name for each in days).items())
    told = ", ".join(f"{name} {count:,}" for name, count in counts)
    remedy = "`model-foundry summarize` computes them again, the last days first."
    return Finding("summaries", "warning", f"days computed by older code: {told}", remedy)


def _definitions(settings: Settings) -> Finding:
    if broken := broken_definitions(settings):
        told = "; ".join(one.why for one in broken)
        return Finding("definitions", "warning", told, "Put it right, and reload the definitions.")
    return Finding("definitions", "ok", f"all of {settings.defs_root} can be loaded")


def _history(settings: Settings) -> Iterator[Finding]:
    """What Dagster knows of the last runs and checks, where it has run here."""
    folder = os.environ.get("DAGSTER_HOME") or settings.home / "dagster"
    if not (Path(folder) / "dagster.yaml").exists():
        return
    for looked_at, look in {"runs": _failed_runs, "checks": _failed_checks}.items():
        try:
            failed = look(settings)
        except Exception as error:  # whatever its storage is in
            reason = f"Dagster cannot be asked: {type(error).__name__}"
            yield Finding(looked_at, "warning", reason, "See the logs in the home.")
            continue
        if failed:
            yield Finding(
                looked_at,
                "warning",
                _listed(failed),
                "`make dev` shows each in the Dagster UI, with what to do.",
            )
        else:
            yield Finding(looked_at, "ok", f"none of the last {looked_at} failed")


def _failed_runs(settings: Settings) -> list[str]:
    import dagster as dg

    from model_foundry.cli.dagster_home import prepare_dagster_home

    prepare_dagster_home(settings)
    wanted = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.now(UTC) - _RECENTLY
    )
    with dg.DagsterInstance.get() as instance:
        records = instance.get_run_records(wanted, limit=100)
    return [f"{each.dagster_run.job_name} {each.dagster_run.run_id[:8]}" for each in records]


def _failed_checks(settings: Settings) -> list[str]:
    import dagster as dg

    from model_foundry.cli.dagster_home import prepare_dagster_home
    from model_foundry.definitions import build_defs

    prepare_dagster_home(settings)
    failed = []
    keys = build_defs().resolve_asset_graph().asset_check_keys
    with dg.DagsterInstance.get() as instance:
        for key in sorted(keys, key=str):
            record = instance.get_latest_asset_check_evaluation_record(key)
            if record is not None and record.status.value == "FAILED":
                failed.append(f"{key.name} of {key.asset_key.to_user_string()}")
    return failed


def _nearest(path: Path) -> Path:
    """The path itself, or the first of its parents that there is."""
    return next(each for each in (path, *path.parents) if each.exists())


def _listed(items: list[date] | list[str]) -> str:
    shown = ", ".join(map(str, items[:_NAMED]))
    return f"{shown} and {len(items) - _NAMED} more" if len(items) > _NAMED else shown
