"""The component for recipes that translate the text of each source row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from model_foundry.components.recipe import Recipe
from model_foundry.inference.fleet import settings_fleet
from model_foundry.inference.jobs import Request
from model_foundry.settings import Settings
from model_foundry.translation.document import Document
from model_foundry.translation.languages import written_in
from model_foundry.translation.prompts import keeps_marks, translation_request


class TranslationRecipe(Recipe):
    """Translates the column `text` of each source row, which is Markdown, in segments.

    Code, links' targets, HTML and math are never asked for, nor is a segment without a letter of
    the source language's script.
    """

    kind: ClassVar[Literal["generation", "translation"]] = "translation"

    source_language: str
    target_language: str
    max_tokens: int = 256

    def requests(
        self, folder: Path, row: Mapping[str, Any], settings: Settings
    ) -> Iterator[tuple[str, Request]]:
        """One request a segment, in the way that the role's slots want to be asked."""
        prompt_format = settings_fleet(settings).prompt_format_of(self.role, settings.profile)
        for segment in Document(row["text"], marks=keeps_marks(prompt_format)).segments:
            if not written_in(segment.text, self.source_language):
                continue
            yield (
                f"{row['source_part']}/{segment.part}",
                translation_request(
                    segment.text,
                    prompt_format=prompt_format,
                    source=self.source_language,
                    target=self.target_language,
                    max_tokens=self.max_tokens,
                ),
            )
