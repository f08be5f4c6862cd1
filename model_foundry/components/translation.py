"""The component for recipes that translate the text of each source row."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import dagster as dg
import msgspec
from pydantic import Field, field_validator

from model_foundry.components.folder import Folder
from model_foundry.components.recipe import Asked, Asking, Recipe, described
from model_foundry.components.scaffold import RecipeScaffolder
from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry.translation.document import Document
from model_foundry.translation.languages import language_name, written_in
from model_foundry.translation.prompts import keeps_marks, translation_request


@dg.scaffold_with(RecipeScaffolder)
class TranslationRecipe(Recipe):
    """Translates the column `text` of each row of `source.sql`, which is Markdown, in segments.

    Code, links' targets, HTML and math are never asked for, nor is a segment without a letter of
    the source language's script. The slots of the role are asked in the way that their
    `prompt_format` says.
    """

    kind: ClassVar[Literal["generation", "translation"]] = "translation"

    source_language: Annotated[str, described("Code of the language of the texts: ja, en, de …")]
    target_language: Annotated[str, described("Code of the language that is wanted.")]
    max_tokens: Annotated[
        int, described("Longest translation of a segment. One that reaches it is rejected.")
    ] = Field(256, ge=1)

    @field_validator("source_language", "target_language")
    @classmethod
    def _known(cls, language: str) -> str:
        language_name(language)
        return language

    def asking(self, folder: Folder) -> Asking:
        """One request a segment."""

        def ask(row: Mapping[str, Any], settings: Settings) -> Iterator[Asked]:
            if "text" not in row:
                raise folder.wrong("source.sql", "gives no column text")
            if not isinstance(row["text"], str):
                raise ValueError("text is NULL, or no text")  # noqa: TRY004 (of a row's content)
            prompt_format = settings_fleet(settings).prompt_format_of(self.role, settings.profile)
            for segment in Document(row["text"], marks=keeps_marks(prompt_format)).segments:
                if not written_in(segment.text, self.source_language):
                    continue
                request = translation_request(
                    segment.text,
                    prompt_format=prompt_format,
                    source=self.source_language,
                    target=self.target_language,
                    max_tokens=self.max_tokens,
                )
                if request.endpoint == "chat":
                    request = msgspec.structs.replace(request, thinking=self.thinks())
                yield f"{row['source_part']}/{segment.part}", request

        return ask
