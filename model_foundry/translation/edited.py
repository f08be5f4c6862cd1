"""A translation that a person has changed in its file: what is learned of it, and what is not.

Belongs here: an edited file's lessons as decisions, and whether anything would be lost if it were
written anew. Does not: how lessons are found (`lessons`), writing (`publish`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry.translation.anchors import Style, unanchored
from model_foundry.translation.article import stamp_of, unstamped
from model_foundry.translation.lessons import Lesson, Sides, learn
from model_foundry.translation.memory import written_as
from model_foundry.translation.prompts import keeps_marks
from model_foundry.translation.review import Decided, decide
from model_foundry.translation.translate import ROLE, Task, Translated


@dataclass
class Edit:
    """A translation that was changed since it was written, and what was learned of it."""

    path: Path
    text: str
    lessons: list[Lesson] = field(default_factory=list)

    def teach(
        self,
        task: Task,
        style: Style,
        *,
        settings: Settings,
        connection: psycopg.Connection[Any],
    ) -> list[str]:
        """Keep what was changed as decisions of whoever did; what would be lost all the same, were
        the translation written anew, in words.

        `task` is the source as it is now, `style` that of its anchors.
        """
        stamp = stamp_of(self.text)
        written = written_as(connection, stamp.text_sha256) if stamp else None
        if written is None:
            return ["as it was written is not known here"]
        sides = Sides(
            settings.translation_front_matter_keys,
            keeps_marks(settings_fleet(settings).prompt_format_of(ROLE, settings.profile)),
            task.glossary.kept_in if task.glossary else None,
        )
        source, translation = written
        learned = learn(source, translation, unanchored(unstamped(self.text), source, style), sides)
        self.lessons = learned.lessons
        decide(connection, self._decisions(task))
        there = {segment.text for segment in sides.document(task.text).segments}
        return learned.left + [
            f"line {lesson.line}: what it was translated from has changed"
            for lesson in self.lessons
            if lesson.source_text not in there
        ]

    def left_out_of(self, translated: Translated) -> list[str]:
        """What of the edit would not be in the translation, were it written now."""
        said = {part.segment.text: part.translation for part in translated.parts}
        return [
            f"line {lesson.line}: it would be translated in parts"
            for lesson in self.lessons
            if said.get(lesson.source_text) != lesson.translated_text
        ]

    def said(self, left: Sequence[str]) -> str:
        """Why it stays as it is."""
        lines = ", ".join(str(lesson.line) for lesson in self.lessons)
        known = f" (remembered: line{'s' * (',' in lines)} {lines})" if lines else ""
        return (
            f"{self.path.name} was edited since it was written{known}: {'; '.join(left)}; "
            "move it away to have it written anew"
        )

    def _decisions(self, task: Task) -> list[Decided]:
        stat = self.path.stat()
        try:
            who = self.path.owner()
        except (KeyError, NotImplementedError, OSError):
            who = f"user {stat.st_uid}"
        when = datetime.fromtimestamp(stat.st_mtime, UTC)
        return [
            Decided(
                task.source,
                task.target,
                lesson.source_text,
                lesson.translated_text,
                "learned",
                who,
                when,
                task.name,
            )
            for lesson in self.lessons
        ]
