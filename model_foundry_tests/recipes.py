"""Recipes made for a test: a package of folders, loaded as Dagster loads defs/."""

import asyncio
import importlib
import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from model_foundry.assets.partitions import forget_days
from model_foundry.assets.resource import Foundry
from model_foundry.components.tree import load as load_tree
from model_foundry.fleet.file import Slot
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings
from model_foundry_tests.foundry import materialize
from model_foundry_tests.line import event, publish

DAY = "2026-11-20"
SOURCE = """
SELECT event_id AS source_event_id, '' AS source_part, correlation_id, user_text
FROM llm_chat WHERE occurred_on = %(day)s ORDER BY event_id;
"""


def attributes(**changes: Any) -> dict[str, Any]:
    """What a recipe over chats needs at least."""
    return {"description": "A test.", "sources": ["llm_chat"], "role": "worker", **changes}


def write(
    root: Path,
    name: str,
    declared: Mapping[str, Any],
    *,
    component: str = "GenerationRecipe",
    **files: Any,
) -> Path:
    """A recipe's folder under root; a file `prompt_md` is `prompt.md`, what is no text is JSON."""
    folder = root / name
    folder.mkdir(parents=True)
    recipe = {"type": f"model_foundry.components.{component}", "attributes": dict(declared)}
    texts = {"defs_yaml": yaml.safe_dump(recipe, sort_keys=False), "source_sql": SOURCE}
    texts |= {"prompt_md": "{{ user_text }}"} | files
    for file, content in texts.items():
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            stem, _, suffix = file.rpartition("_")
            (folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")
    return folder


def load(root: Path, settings: Settings | None = None) -> dg.Definitions:
    """The recipes under root, as a package of its own, so that nothing is loaded from a cache."""
    package = root.rename(root.with_name(f"recipes_{uuid.uuid4().hex}"))
    (package / "__init__.py").touch()
    forget_days()
    sys.path.insert(0, str(package.parent))
    try:
        module = importlib.import_module(package.name)
    finally:
        sys.path.remove(str(package.parent))
    return dg.Definitions.merge(
        load_tree(module, package.parent),
        dg.Definitions(resources={"foundry": Foundry(settings)}, executor=dg.in_process_executor),
    )


def run(
    root: Path,
    settings: Settings,
    *assets: str,
    raise_on_error: bool = True,
    console: bool = False,
) -> dg.ExecuteInProcessResult:
    """Load the recipes under root and materialize the day of some."""
    return materialize(
        settings,
        *assets,
        day=DAY,
        definitions=load(root, settings),
        raise_on_error=raise_on_error,
        console=console,
    )


def chats_in(settings: Settings, texts: Mapping[str, str]) -> None:
    """Chats of the day in `llm_chat`: what was asked, by their event ids."""
    publish(
        settings,
        [
            event(
                "llm.chat.persist",
                {
                    "messages": [{"role": "user", "content": text}],
                    "response": {"content": "Well.", "finish_reason": "stop"},
                },
                event_id=event_id,
                correlation_id=f"session-{event_id}",
            )
            for event_id, text in texts.items()
        ],
    )
    asyncio.run(drain(settings))
    materialize(settings, "llm_chat", day=DAY)


def with_slots(settings: Settings, *slots: Slot) -> Settings:
    """The settings with a fleet of these slots."""
    declared = [slot.model_dump(mode="json", exclude_none=True) for slot in slots]
    fleet = {
        "name": "test",
        "slots": declared,
        "profiles": {"standard": [slot.name for slot in slots]},
    }
    path = settings.home / f"fleet-{uuid.uuid4().hex}.yaml"
    path.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    return settings.model_copy(update={"fleet": path})
