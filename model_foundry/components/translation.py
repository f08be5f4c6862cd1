"""The component for recipes that translate the text of each source row."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field, field_validator

from model_foundry.components.folder import Folder
from model_foundry.components.recipe import Asked, Asking, Recipe, described
from model_foundry.inference.fleet import settings_fleet
from model_foundry.settings import Settings
from model_foundry.translation.prompts import LANGUAGES, translation_request
from model_foundry.translation.segments import segments


class TranslationRecipe(Recipe):
    """Translates the column `text` of each row of `source.sql` line by line; code is left alone.

    The slots of the role are asked in the way that their `prompt_format` says.
    """

    kind: ClassVar[Literal["generation", "translation"]] = "translation"

    source_language: Annotated[str, described(f"One of: {', '.join(LANGUAGES)}.")]
    target_language: Annotated[str, described(f"One of: {', '.join(LANGUAGES)}.")]
    max_tokens: Annotated[
        int, described("Longest translation of a line. One that reaches it is rejected.")
    ] = Field(256, ge=1)

    @field_validator("source_language", "target_language")
    @classmethod
    def _known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"{language!r} is not known; known: {', '.join(LANGUAGES)}")
        return language

    def asking(self, folder: Folder) -> Asking:
        """One request a line."""

        def ask(row: Mapping[str, Any], settings: Settings) -> Iterator[Asked]:
            if "text" not in row:
                raise folder.wrong("source.sql", "gives no column text")
            prompt_format = settings_fleet(settings).prompt_format_of(self.role, settings.profile)
            for segment in segments(row["text"], self.source_language):
                request = translation_request(
                    segment.text,
                    prompt_format=prompt_format,
                    source=self.source_language,
                    target=self.target_language,
                    max_tokens=self.max_tokens,
                )
                if request.endpoint == "chat":
                    request = msgspec.structs.replace(request, thinking=self.thinks())
                yield f"{row['source_part']}/{segment.number}", request

        return ask
