"""What a person changed in a translation is learned segment by segment, or told by its line."""

import pytest

from model_foundry.translation.lessons import Lesson, Sides, learn

SIDES = Sides(("title",), True, None)
SOURCE = """\
---
title: Slots
---
# What a slot is

Ask `naughty` first, see *[the file](f.yaml)*.

| a cell | `x` |
| - | - |
| other | cell |
"""
WRITTEN = """\
---
title: Plätze
---
# Was ein Platz ist

Frag `naughty` zuerst, siehe *[die Datei](f.yaml)*.

| eine Zelle | `x` |
| - | - |
| andere | Zelle |
"""


@pytest.mark.parametrize(
    ("old", "new", "lessons"),
    [
        ("Was ein Platz ist", "Was ist ein Slot?", [("What a slot is", "Was ist ein Slot?", 4)]),
        ("title: Plätze", 'title: "Slots: neu"', [("Slots", "Slots: neu", 2)]),
        (
            "Frag `naughty` zuerst, siehe *[die Datei](f.yaml)*.",
            "Siehe *[diese Datei](f.yaml)*,\ndann frag `naughty`.",
            [
                (
                    "Ask `1` first, see *[the file](2)*.",
                    "Siehe *[diese Datei](2)*, dann frag `1`.",
                    6,
                )
            ],
        ),
        (
            "| andere | Zelle |",
            "| andre | Zelle\\|n |",
            [("other", "andre", 10), ("cell", "Zelle|n", 10)],
        ),
        ("Was", "Was", []),
    ],
)
def test_what_was_changed_in_a_text_is_a_lesson(
    old: str, new: str, lessons: list[tuple[str, str, int]]
) -> None:
    learned = learn(SOURCE, WRITTEN, WRITTEN.replace(old, new), SIDES)
    assert learned.lessons == [Lesson(*each) for each in lessons]
    assert learned.left == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("# Was", "## Was", "its structure: line 4: heading h1 became heading h2"),
        ("`naughty`", "`nice`", "its structure: line 6: text"),
        ("\n| eine", "\nEin Satz mehr.\n\n| eine", "its structure: line 8"),
        ("f.yaml", "g.yaml", "its structure: line 6"),
        ("| - | - |", "| --- | - |", "line 9: it is not in a text that is translated"),
    ],
)
def test_what_was_changed_elsewhere_is_told(old: str, new: str, said: str) -> None:
    learned = learn(SOURCE, WRITTEN, WRITTEN.replace(old, new), SIDES)
    assert [each for each in learned.left if each.startswith(said)], learned.left


def test_models_without_marks_learn_what_is_between_them() -> None:
    sides = SIDES._replace(marks=False)
    learned = learn(SOURCE, WRITTEN, WRITTEN.replace("zuerst, siehe", "erst; vgl."), sides)
    assert learned.lessons == [Lesson("first, see", "erst; vgl.", 6)]
    assert learned.left == []
