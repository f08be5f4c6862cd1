"""The component for recipes that translate the text of each source row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from model_foundry.components.recipe import Recipe
from model_foundry.inference.fleet import settings_fleet
from model_foundry.inference.jobs import Request
from model_foundry.settings import Settings
from model_foundry.translation.prompts import translation_request
from model_foundry.translation.segments import segments


class TranslationRecipe(Recipe):
    """Translates the column `text` of each source row line by line; code is left alone."""

    kind: ClassVar[Literal["generation", "translation"]] = "translation"

    source_language: str
    target_language: str
    max_tokens: int = 256

    def requests(
        self, folder: Path, row: Mapping[str, Any], settings: Settings
    ) -> Iterator[tuple[str, Request]]:
        """One request a line, in the way that the role's slots want to be asked."""
        prompt_format = settings_fleet(settings).prompt_format_of(self.role, settings.profile)
        for segment in segments(row["text"], self.source_language):
            yield (
                f"{row['source_part']}/{segment.number}",
                translation_request(
                    segment.text,
                    prompt_format=prompt_format,
                    source=self.source_language,
                    target=self.target_language,
                    max_tokens=self.max_tokens,
                ),
            )
