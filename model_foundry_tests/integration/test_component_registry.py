"""The recipe components as `dg` shows them to whoever writes a recipe."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model_foundry.components import GenerationRecipe, TranslationRecipe
from model_foundry_tests.pages import copy_of_the_project

ROOT = Path(__file__).parents[2]
DG = Path(sys.executable).with_name("dg")
# What `dg scaffold defs` runs, in one process instead of three.
SCAFFOLD = """
import pathlib, sys
from dagster.components.component_scaffolding import scaffold_object
from model_foundry.definitions import defs
root = pathlib.Path(sys.argv[1])
for component, name in (
    ("GenerationRecipe", "recipes/topic"),
    ("TranslationRecipe", "to_english"),
    ("GenerationRecipe", "batch"),
):
    path = root / "model_foundry" / "defs" / name
    try:
        scaffold_object(path, f"model_foundry.components.{component}", None, "yaml", root)
    except Exception as error:
        print(error)
print(*(node.name for node in defs().resolve_job_def("run_day").nodes))
"""


def dg(*arguments: str) -> str:
    done = subprocess.run(
        [DG, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dg_lists_the_recipe_components_with_their_summaries() -> None:
    items = json.loads(dg("list", "components", "--package", "model_foundry", "--json"))["items"]
    summaries = {item["key"]: item["summary"] for item in items}
    assert set(summaries) == {
        "model_foundry.components.GenerationRecipe",
        "model_foundry.components.TranslationRecipe",
    }
    assert "source.sql" in summaries["model_foundry.components.GenerationRecipe"]


@pytest.mark.parametrize("component", [GenerationRecipe, TranslationRecipe])
def test_dg_shows_a_schema_in_which_every_field_is_described(component: type[Any]) -> None:
    name = f"model_foundry.components.{component.__name__}"
    description, _, schema_text = dg("utils", "inspect-component", name).partition(
        "Component schema:"
    )
    assert str(component.__doc__).splitlines()[0] in description
    schema = json.loads(schema_text)
    objects = [schema, *schema.get("$defs", {}).values()]
    fields = {
        (each["title"], field): declared
        for each in objects
        for field, declared in each.get("properties", {}).items()
    }
    assert {field for _, field in fields} >= {"role", "sources", "keep", "thinking"}
    assert [field for field, declared in fields.items() if not declared.get("description")] == []
    assert all(each["additionalProperties"] is False for each in objects)


def test_what_dg_scaffolds_loads(tmp_path: Path) -> None:
    """It used to write a recipe without its files, and no definition could be loaded any more."""
    project = copy_of_the_project(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SCAFFOLD, project],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    assert "no recipe can be named batch" in done.stdout
    run_day = set(done.stdout.splitlines()[-1].split())
    assert {"generation_topic", "translation_to_english", "daily_recipes"} < run_day
