"""`model-foundry init`: a first `.env` and fleet file, by looking for slots and by asking.

Belongs here: the questions, and the text of both files. Does not: finding slots (`slot.finding`).
"""

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer
import yaml
from rich.text import Text

from model_foundry.cli.console import console
from model_foundry.cli.plain import json_line, plain
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import load_fleet
from model_foundry.settings import Settings
from model_foundry.settings.files import PREFIX
from model_foundry.slot.finding import Found, find_slots

ROLES: Final = ("orchestrator", "worker", "translator")
# What most people change; `model-foundry settings` lists all.
_OFFERED: Final = (
    "home",
    "nats_url",
    "nats_creds",
    "nats_stream",
    "postgres_url",
    "fleet",
    "profile",
    "telemetry_url",
    "defs_dir",
    "articles_dir",
    "articles_languages",
    "lake_url",
    "retention_days",
    "exporter_port",
)
_PLAIN_VALUE: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_DEFAULT_CONTEXT: Final = 4096
_TRANSLATES: Final = re.compile(r"translat|plamo|madlad|nllb", re.IGNORECASE)


class Planned(NamedTuple):
    """A slot of the fleet file that is to be written."""

    found: Found
    name: str
    roles: tuple[str, ...]


def run_init(folder: Path, *, ports: Sequence[int], yes: bool, force: bool, as_json: bool) -> None:
    """Look, ask where a person is there to answer, and write.

    Raises:
        FoundryError: a file is there already, or cannot be written.
    """
    env, fleet = folder / ".env", folder / "fleet.yaml"
    if not force and (there := [str(path) for path in (env, fleet) if path.exists()]):
        raise FoundryError(f"{' and '.join(there)} exist: --force writes them anew")
    asks = sys.stdin.isatty() and not yes and not as_json
    found = asyncio.run(find_slots(ports, Settings()))
    if not as_json:
        _show(found, ports)
    usable = [each for each in found if each.models]
    if asks:
        usable = [chosen for each in usable if (chosen := _chosen(each)) is not None]
    planned = plan(usable)
    values: dict[str, str] = {}
    if asks:
        planned = [_asked_roles(each) for each in planned]
        values = _asked_servers()
    written = [env]
    if planned:
        text = fleet_text(planned)
        _write(fleet, text, mode=0o644)
        load_fleet(fleet)
        values["fleet"] = fleet.name
        written.append(fleet)
    _write(env, env_text(values), mode=0o600)
    if as_json:
        listed = [each._asdict() for each in found]
        told = {"found": listed, "written": list(map(str, written))}
        sys.stdout.write(json_line(told) + "\n")
        return
    for path in written:
        console.print(plain(f"Wrote {path}"), soft_wrap=True)
    unserved = [role for role in ROLES if not any(role in each.roles for each in planned)]
    if planned and unserved:
        lacks = f"No slot serves {', '.join(unserved)}: give {fleet} one, or recipes cannot run."
        console.print(plain(lacks, style="yellow"), soft_wrap=True)
    if not planned:
        console.print("No slot of your own: the embedded ones are used, until a fleet file names")
        console.print("others (docs/fleets.md).")
    console.print("Next: `model-foundry doctor`, then `model-foundry dev`.", markup=False)


def plan(found: Sequence[Found]) -> list[Planned]:
    """A name and roles for each; together they serve every role."""
    translators = [each for each in found if _TRANSLATES.search(each.models[0])]
    chats = [each for each in found if each not in translators]
    planned: list[Planned] = []
    for each in found:
        roles: tuple[str, ...] = ("worker",)
        if each in translators:
            roles = ("translator",) if chats else ROLES
        elif each == chats[0]:
            roles = ("orchestrator", "worker") if translators else ROLES
        planned.append(Planned(each, _free_name(each.models[0], planned), roles))
    return planned


def fleet_text(planned: Sequence[Planned]) -> str:
    """The fleet file."""
    head = (
        "# Written by `model-foundry init`: the slots that were found. docs/fleets.md has every\n"
        "# field; `model-foundry fleet check` compares the file with what runs.\n"
    )
    names = [each.name for each in planned]
    fleet = {"name": "mine", "profiles": {"standard": names, "full": names}}
    return f"{head}{_yaml(fleet)}\nslots:\n" + "\n".join(_slot_text(each) for each in planned)


def env_text(values: dict[str, str]) -> str:
    """The settings, each with what it means; those without a value as a comment."""
    lines = [
        "# Settings of model-foundry, read from the folder that commands are run in. What the",
        "# environment says comes first. `model-foundry settings` shows what is in force.",
    ]
    for name in _OFFERED:
        field = Settings.model_fields[name]
        lines.append("")
        if field.description:
            lines.append(f"# {field.description}")
        variable = f"{PREFIX}{name.upper()}"
        if name in values:
            lines.append(f"{variable}={_quoted(values[name])}")
        else:
            default = field.get_default(call_default_factory=False)
            lines.append(f"# {variable}={_default(default)}")
    return "\n".join(lines) + "\n"


def _slot_text(planned: Planned) -> str:
    found = planned.found
    told_context = found.context_tokens is not None
    slot = {
        "name": planned.name,
        "roles": list(planned.roles),
        "runtime": found.runtime,
        "endpoint": found.url,
        "model": found.models[0],
    }
    if re.search("plamo", found.models[0], re.IGNORECASE) and "translator" in planned.roles:
        slot["prompt_format"] = "plamo-2-translate"
    lines = [
        *_yaml(slot).splitlines(),
        "licence: unknown # of the model's weights; it is kept with every answer",
        f"parallel: {found.parallel or 1} # requests at once"
        + ("" if found.parallel else "; the server does not say: what it was started with"),
        f"context_tokens: {found.context_tokens or _DEFAULT_CONTEXT} # of a request"
        + ("" if told_context else "; the server does not say: what it was started with"),
    ]
    return "".join(f"{'  - ' if n == 0 else '    '}{line}\n" for n, line in enumerate(lines))


def _yaml(value: Any) -> str:
    return yaml.safe_dump(
        value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=1_000
    )


def _free_name(model: str, planned: Sequence[Planned]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", Path(model).name.lower().removesuffix(".gguf")).strip("-")
    stem = re.sub(r"^[^a-z]+", "", stem)[:40].strip("-") or "slot"
    taken = {each.name for each in planned}
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _quoted(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _default(value: Any) -> str:
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _chosen(found: Found) -> Found | None:
    """With the model that is wanted as its first; None: it is not to be used."""
    model = found.models[0]
    if len(found.models) > 1:
        model = typer.prompt(f"Which model of {found.url}", default=plain(model).plain)
    shown = plain(f"{model} on {found.url}").plain
    if not typer.confirm(f"Use {shown}?", default=True):
        return None
    return found._replace(models=(model,))


def _asked_roles(planned: Planned) -> Planned:
    while True:
        said = typer.prompt(f"Roles of {planned.name}", default=", ".join(planned.roles))
        roles = tuple(role for role in re.split(r"[,\s]+", said) if role)
        if roles and set(roles) <= set(ROLES):
            return planned._replace(roles=roles)
        console.print(f"Roles are {', '.join(ROLES)}.")


def _asked_servers() -> dict[str, str]:
    answers = {}
    for name, what in {"nats_url": "NATS", "postgres_url": "PostgreSQL"}.items():
        question = f"URL of your own {what} (nothing: the embedded one)"
        if said := typer.prompt(question, default="", show_default=False).strip():
            answers[name] = said
    return answers


def _show(found: Sequence[Found], ports: Sequence[int]) -> None:
    for each in found:
        told = ", ".join(each.models) if each.models else each.detail
        line = Text.assemble(("found ", "green" if each.models else "yellow"), plain(each.url))
        console.print(line.append_text(plain(f": {told}")), soft_wrap=True, highlight=False)
    if not found:
        listed = ", ".join(map(str, ports))
        console.print(f"Nothing that answers as a slot on the ports {listed}.", highlight=False)


def _write(path: Path, text: str, *, mode: int) -> None:
    """A file that appears whole, and is never wider open than `mode`."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise FoundryError(f"{path} cannot be written: {error.strerror or error}") from None


def usual_ports() -> Iterator[int]:
    """Where slots of one machine listen as a rule: vLLM, llama.cpp, Ollama, LM Studio, others."""
    yield from (8000, 8080, 11434, 1234, 5000)
