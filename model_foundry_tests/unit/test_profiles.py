"""Which slots are in use: profiles of the fleet, or a line in a file that is read each time."""

from pathlib import Path

import pytest

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Fleet, load_fleet
from model_foundry.paths import data_path


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return load_fleet(data_path("fleets") / "gemma4.yaml")


def names(fleet: Fleet, profile: str) -> list[str]:
    return [slot.name for slot in fleet.in_profile(profile)]


def test_a_profile_has_its_slots_in_the_fleet_s_order(fleet: Fleet) -> None:
    assert names(fleet, "minimal") == ["naughty", "translator"]
    assert names(fleet, "full") == ["naughty", "kindergarten", "translator", "grandpa"]


def test_an_unknown_profile_lists_the_known_ones(fleet: Fleet) -> None:
    with pytest.raises(FoundryError, match="no profile 'fast'; known: full, standard, minimal"):
        fleet.in_profile("fast")


@pytest.mark.parametrize(
    "line",
    [
        "naughty x translator",
        "  naughty × translator",
        "- naughty x translator",
        "`naughty x translator`",
        "naughty x translator               # minimal config",
        "translator  x  naughty",
    ],
)
def test_a_line_of_a_file_is_a_profile(fleet: Fleet, tmp_path: Path, line: str) -> None:
    path = tmp_path / "CLAUDE.md"
    path.write_text(f"# familiar\n\nUse these slots, 2 x a day:\n\n{line}\n\nBe brief.\n")
    assert names(fleet, str(path)) == ["naughty", "translator"]


def test_saving_the_file_is_switching(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "CLAUDE.md"
    path.write_text("naughty x translator\n")
    assert [slot.name for slot in fleet.with_role("worker", str(path))] == ["naughty"]
    path.write_text("naughty x kindergarten x translator\n")
    workers = [slot.name for slot in fleet.with_role("worker", str(path))]
    assert workers == ["naughty", "kindergarten"]


def test_a_path_relative_to_the_working_directory(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "CLAUDE.md").write_text("grandpa x translator\n")
    monkeypatch.chdir(tmp_path)
    assert names(fleet, "CLAUDE.md") == ["translator", "grandpa"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "# familiar\n\nnaughty x kindergarden\n",
            r"CLAUDE\.md:3: unknown slot of fleet gemma4: kindergarden "
            r"\(did you mean kindergarten\?\); known: naughty, kindergarten, translator, grandpa",
        ),
        ("We use naughty x translator here.\n", r"CLAUDE\.md: no line says .* with x between"),
        ("", "no line says which slots are in use"),
        ("naughty x translator\n\ngrandpa x translator\n", "lines 1, 3 name different slots"),
    ],
)
def test_a_file_that_cannot_be_followed_says_why(
    fleet: Fleet, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "CLAUDE.md"
    path.write_text(text)
    with pytest.raises(FoundryError, match=said):
        fleet.in_profile(str(path))


def test_a_file_that_is_not_there_or_too_large_is_named(fleet: Fleet, tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"CLAUDE\.md: No such file"):
        fleet.in_profile(str(tmp_path / "CLAUDE.md"))
    (tmp_path / "CLAUDE.md").write_bytes(b"a" * (1024 * 1024 + 1))
    with pytest.raises(FoundryError, match="larger than 1048576 bytes"):
        fleet.in_profile(str(tmp_path / "CLAUDE.md"))
