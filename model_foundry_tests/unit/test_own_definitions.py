"""Recipes and summaries outside the package: loaded beside those of it, and never in their way."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner, Result

from model_foundry import lake
from model_foundry.cli import app
from model_foundry.components.names import packaged_recipes
from model_foundry.components.own import broken_definitions
from model_foundry.definitions import build_defs
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.summaries.compute import SUMMARIES, rollup_views
from model_foundry.summaries.own import Broken, require_summary_name
from model_foundry_tests.recipes import SOURCE, attributes, load, write
from model_foundry_tests.unit.test_recipe_errors import causes

DAY_SQL = (
    "SELECT occurred_on AS day, count(*) AS n FROM llm_chat WHERE occurred_on = $day GROUP BY 1"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of one's own definitions."""
    folder = tmp_path / "私の defs"
    monkeypatch.setenv("MODEL_FOUNDRY_DEFS_DIR", str(folder))
    monkeypatch.setenv("COLUMNS", "400")
    return folder


@pytest.fixture(scope="module")
def shipped() -> set[str]:
    """Every asset of the package."""
    return {spec.key.to_user_string() for spec in build_defs().resolve_all_asset_specs()}


def new(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["new", *arguments])


def assets(location: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in location.resolve_all_asset_specs()}


def nodes(location: dg.Definitions, job: str) -> set[str]:
    return {node.name for node in location.resolve_job_def(job).nodes}


def test_what_new_writes_is_part_of_the_location(shipped: set[str], folder: Path) -> None:
    for arguments in (
        ("recipe", "topic"),
        ("recipe", "to_english", "--kind", "translation"),
        ("summary", "chats_by_slot"),
    ):
        done = new(*arguments)
        assert done.exit_code == 0, done.output
        assert str(folder) in done.output
    location = build_defs()
    found = assets(location)
    own = {"generation_topic", "translation_to_english", "chats_by_slot"}
    assert set(found) == shipped | own
    assert own <= nodes(location, "run_day")
    assert nodes(location, "refresh_day") & own == {"chats_by_slot"}
    assert found["chats_by_slot"].description == (
        "Chats of a day by slot: how many, their tokens, how long they took."
    )
    recipes = {dep.asset_key.to_user_string() for dep in found["daily_recipes"].deps}
    assert {"generation_topic", "translation_to_english"} < recipes
    assert broken_definitions(Settings()) == []


def test_without_a_folder_new_writes_into_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODEL_FOUNDRY_DEFS_DIR")
    monkeypatch.setenv("MODEL_FOUNDRY_HOME", str(tmp_path / "home"))
    assert new("summary", "mine").exit_code == 0
    assert (tmp_path / "home" / "defs" / "summaries" / "mine.sql").is_file()
    assert "mine" in assets(build_defs())


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ("recipe batch", "`model-foundry batch` keep their results under that name"),
        ("recipe request", "request events"),
        ("recipe article_translation", "the translation of articles"),
        ("recipe slot_benchmark", "the measurement of slots"),
        ("recipe follow_up", "there is a recipe follow_up in the package"),
        ("recipe my-topic", "is no name of a recipe"),
        ("recipe ../topic", "is no name of a recipe"),
        ("recipe 要約", "is no name of a recipe"),
        ("recipe twice", "is there already"),
        ("summary daily_events", "is taken"),
        ("summary weekly_events", "is taken"),
        ("summary llm_chat", "is taken"),
        ("summary Big", "is no name of a summary"),
        ("summary ../x", "is no name of a summary"),
        ("summary twice", "is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_a_sentence(
    arguments: str, why: str, folder: Path
) -> None:
    write(folder / "recipes", "twice", attributes())
    (folder / "summaries").mkdir()
    (folder / "summaries" / "twice.sql").write_text(DAY_SQL)
    before = sorted(folder.rglob("*"))
    done = new(*arguments.split())
    assert (done.exit_code, why in done.stderr, "Traceback" in done.output) == (1, True, False)
    assert sorted(folder.rglob("*")) == before


def test_no_summary_takes_the_name_of_anything_else(shipped: set[str]) -> None:
    for name in {*shipped, *SUMMARIES, *lake.LAKE_TABLES, *rollup_views()}:
        with pytest.raises(FoundryError, match="is taken"):
            require_summary_name(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("batch", "no recipe can be named batch: `model-foundry batch` keep"),
        ("request", "no recipe can be named request"),
        ("slot-benchmark", "'slot-benchmark' is no name of a recipe"),
        ("レシピ", "'レシピ' is no name of a recipe"),
    ],
)
def test_a_packaged_recipe_of_such_a_name_is_refused_too(
    tmp_path: Path, name: str, why: str
) -> None:
    root = tmp_path / "recipes"
    write(root, name, attributes())
    with pytest.raises(Exception, match=r"(?s).*") as caught:
        load(root)
    assert why in causes(caught.value)


def recipe(name: str = "odd", **changes: object) -> Callable[[Path], Path]:
    """Writes a recipe that lacks or has something."""
    return lambda folder: write(folder / "recipes", name, attributes(**changes))


def file(path: str, text: str | bytes) -> Callable[[Path], Path]:
    """Writes one file; what is broken is its folder, if it is a recipe's."""

    def made(folder: Path) -> Path:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text if isinstance(text, bytes) else text.encode())
        return target if target.parent.name == "summaries" else target.parent

    return made


PACKAGED = "model_foundry.components.GenerationRecipe"
BROKEN = {
    "misspelt": (recipe("misspelt", descriptoin="x"), "descriptoin: Extra inputs"),
    "nobody's role": (recipe("r1", role="wroker"), "(did you mean worker?)"),
    "no samples": (recipe("r2", samples=0), "samples"),
    "batch's name": (recipe("batch"), "no recipe can be named batch"),
    "a packaged name": (recipe("follow_up"), "there is a recipe follow_up in the package"),
    "a name with -": (recipe("my-topic"), "'my-topic' is no name of a recipe"),
    "a like name": (recipe("my topic"), "'my topic' is no name of a recipe"),
    "Japanese": (recipe("要約"), "'要約' is no name of a recipe"),
    "Japanese, as long": (recipe("日本"), "'日本' is no name of a recipe"),
    "no defs.yaml": (file("recipes/r3/source.sql", SOURCE), "defs.yaml: No such file"),
    "only Python": (file("recipes/r4/evil.py", "raise SystemExit"), "defs.yaml: No such file"),
    "no YAML": (file("recipes/r5/defs.yaml", "type: ["), "r5/defs.yaml: while parsing"),
    "no UTF-8": (file("recipes/r6/defs.yaml", b"\xff\xfe\xff"), "r6/defs.yaml: "),
    "deep": (file("recipes/r7/defs.yaml", "[" * 3000), "r7/defs.yaml: "),
    "empty": (file("recipes/r8/defs.yaml", ""), "`type` must be one of"),
    "a type that is none": (file("recipes/r9/defs.yaml", "type: {a: b}"), "`type` must be one of"),
    "a strange type": (file("recipes/r10/defs.yaml", "type: os.system"), "`type` must be one of"),
    "no attributes": (file("recipes/r11/defs.yaml", f"type: {PACKAGED}"), "r11/defs.yaml: "),
    "two": (file("recipes/r12/defs.yaml", f"type: {PACKAGED}\n---\ntype: x"), "r12/defs.yaml: "),
    "no SQL": (file("summaries/s1.sql", "SELEC 1"), "s1.sql: syntax error"),
    "another statement": (file("summaries/s2.sql", "DROP TABLE llm_chat"), "s2.sql: Only SELECT"),
    "two statements": (file("summaries/s3.sql", f"{DAY_SQL}; {DAY_SQL}"), "not one SELECT"),
    "nothing": (file("summaries/s4.sql", ""), "not one SELECT"),
    "no text": (file("summaries/s5.sql", b"\xff\xfe\xff"), "no UTF-8"),
    "a strange table": (
        file("summaries/s6.sql", "SELECT 1 FROM secrets WHERE $day"),
        "reads secrets",
    ),
    "every day": (file("summaries/s7.sql", "SELECT 1 FROM llm_chat"), "say of which day"),
    "no table": (file("summaries/s8.sql", "SELECT $day"), "read a table"),
    "a summary's name": (file("summaries/daily_chats.sql", DAY_SQL), "daily_chats is taken"),
    "a large name": (file("summaries/My Chats.sql", DAY_SQL), "is no name of a summary"),
}


class Beside(NamedTuple):
    """A location in which all of `BROKEN` lies beside a recipe and a summary that are whole."""

    location: dg.Definitions
    paths: dict[str, Path]
    broken: dict[Path, Broken]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    folder = tmp_path_factory.mktemp("defs")
    paths = {name: make(folder) for name, (make, _) in BROKEN.items()}
    write(folder / "recipes", "whole", attributes())
    (folder / "summaries" / "whole.sql").write_text(DAY_SQL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODEL_FOUNDRY_DEFS_DIR", str(folder))
        broken = broken_definitions(Settings())
        return Beside(build_defs(), paths, {one.path: one for one in broken})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_one_is_told(name: str, beside: Beside) -> None:
    told, why = beside.broken[beside.paths[name]].why, BROKEN[name][1]
    assert why in told
    [asset] = [
        spec for spec in assets(beside.location).values() if (spec.description or "").count(told)
    ]
    assert (asset.group_name, asset.key.path[0].split("_")[0]) == ("broken", "broken")


def test_nothing_else_is_stopped_by_them(beside: Beside, shipped: set[str]) -> None:
    own = {"whole", "generation_whole"}
    strange = set(assets(beside.location)) - shipped - own
    assert len(strange) == len(BROKEN)
    assert own < nodes(beside.location, "run_day")
    assert not strange & nodes(beside.location, "run_day")
    assert beside.location.get_repository_def().get_all_jobs()


def test_a_folder_that_cannot_be_read_holds_nothing(folder: Path, shipped: set[str]) -> None:
    folder.write_text("no folder")
    assert set(assets(build_defs())) == shipped


def test_a_new_recipe_asks_a_role_that_is_served(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = {
        "name": "only", "roles": ["orchestrator"], "runtime": "openai", "model": "m",
        "endpoint": "http://127.0.0.1:1", "licence": "MIT", "parallel": 1, "context_tokens": 4096,
    }  # fmt: skip
    fleet = {"name": "f", "slots": [slot], "profiles": {"standard": ["only"]}}
    path = tmp_path / "fleet.yaml"
    path.write_text(yaml.safe_dump(fleet), encoding="utf-8")
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(path))
    assert new("recipe", "topic").exit_code == 0
    assert "role: orchestrator" in (folder / "recipes" / "topic" / "defs.yaml").read_text()


def test_a_fleet_that_serves_not_every_role_leaves_out_what_needs_it(
    shipped: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = {
        "name": "only",
        "roles": ["worker"],
        "runtime": "vllm",
        "endpoint": {"env": "MODEL_FOUNDRY_SLOT_ONLY_URL"},
        "model": "mine",
        "licence": "Apache-2.0",
        "parallel": 4,
        "context_tokens": 8192,
    }
    fleet = tmp_path / "fleet.yaml"
    fleet.write_text(yaml.safe_dump({"name": "x", "profiles": {"day": ["only"]}, "slots": [slot]}))
    monkeypatch.setenv("MODEL_FOUNDRY_FLEET", str(fleet))
    monkeypatch.setenv("MODEL_FOUNDRY_PROFILE", "day")
    location = build_defs()
    found = assets(location)
    assert set(found) == shipped
    left_out = {name for name, spec in found.items() if spec.group_name == "left_out"}
    assert left_out == {
        "generation_better_answer",
        "generation_judge",
        "translation_en_ja",
        "translation_ja_en",
    }
    assert (
        "Nothing is asked: role is 'translator', which no slot of the profile day serves; served: "
        "worker. Give a slot"
    ) in str(found["translation_en_ja"].description)
    asked = nodes(location, "run_day")
    assert {"generation_follow_up", "generation_question_from_note"} <= asked
    assert not left_out & asked


def test_every_packaged_recipe_is_known_by_its_folder() -> None:
    assert packaged_recipes()["ja_en"] == "translation_ja_en"
    assert len(packaged_recipes()) == 6
