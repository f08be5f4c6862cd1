"""What is wrong with a recipe is said when it is loaded, with the file it stands in."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from model_foundry_tests.recipes import attributes, load, write

TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}


def causes(error: BaseException | None) -> str:
    """The texts of an error and of all that caused it."""
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def refused(root: Path, **options: Any) -> str:
    with pytest.raises(Exception, match=r"(?s).*") as caught:
        load(root, **options)
    return causes(caught.value)


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        ({"descriptoin": "x"}, "descriptoin"),
        ({"sampling": {"temprature": 1}}, "temprature"),
        ({"sampling": {"temperature": -1}}, "temperature"),
        ({"samples": 0}, "samples"),
        ({"samples": 2, "sampling": {"temperature": 0}}, "the same answer 2 times"),
        ({"thinking": "maybe"}, "thinking"),
        ({"tool_choice": "required"}, "tool_choice needs tools"),
        ({"output": {"json_schema": {"type": "object"}}, "tools": "tools.json"}, "exclude"),
        ({"output": {"schema": {}}}, "json_schema"),
    ],
)
def test_a_wrong_attribute_fails_the_load_and_names_the_file(
    tmp_path: Path, declared: dict[str, Any], what: str
) -> None:
    root = tmp_path / "recipes"
    write(root, "odd", attributes(**declared), tools_json=[TOOL])
    text = refused(root)
    assert what in text
    assert "defs.yaml" in text


@pytest.mark.parametrize(
    ("declared", "files", "what"),
    [
        ({}, {"source_sql": None}, r"source\.sql: No such file"),
        ({}, {"prompt_md": "a\n{% if %}"}, r"prompt\.md:2"),
        ({"output": {"json_schema": "shape.json"}}, {}, r"shape\.json: No such file"),
        ({"output": {"json_schema": "shape.json"}}, {"shape_json": "{\n,"}, r"shape\.json.*line 2"),
        (
            {"output": {"json_schema": "shape.yaml"}},
            {"shape_yaml": "a: [\n"},
            r"shape\.yaml.*line 2",
        ),
        (
            {"output": {"json_schema": "shape.json"}},
            {"shape_json": {"type": "objekt"}},
            r"shape\.json: no JSON schema: \$\.type: 'objekt'",
        ),
        ({"output": {"json_schema": {"type": 3}}}, {}, r"defs\.yaml: no JSON schema"),
        ({"tools": "tools.json"}, {"tools_json": {}}, r"tools\.json: must be a list"),
        ({"tools": "tools.json"}, {"tools_json": [TOOL, {"name": "x"}]}, "tool 2 must be"),
        ({"tools": "tools.json"}, {"tools_json": [TOOL, TOOL]}, "two tools are named search"),
        (
            {"tools": "tools.json", "tool_choice": "serach"},
            {"tools_json": [TOOL]},
            "known: auto, required, none, search",
        ),
    ],
)
def test_a_wrong_file_fails_the_load_and_is_named(
    tmp_path: Path, declared: dict[str, Any], files: dict[str, Any], what: str
) -> None:
    root = tmp_path / "recipes"
    write(root, "odd", attributes(**declared), **files)
    text = refused(root)
    assert "recipe odd" in text
    assert re.search(what, text, re.DOTALL), text


def test_an_unknown_language_is_named(tmp_path: Path) -> None:
    root = tmp_path / "recipes"
    declared = attributes(role="translator", source_language="ja", target_language="klingon")
    write(root, "odd", declared, component="TranslationRecipe")
    assert "'klingon' is not known; known: af, ar" in refused(root)


def test_one_recipe_is_one_asset(tmp_path: Path) -> None:
    root = tmp_path / "recipes"
    write(root, "plain", attributes(thinking=False, samples=3))
    loaded = load(root)
    assert isinstance(loaded, dg.Definitions)
    [spec] = [spec for spec in loaded.resolve_all_asset_specs() if spec.group_name == "recipes"]
    assert spec.key == dg.AssetKey("generation_plain")
