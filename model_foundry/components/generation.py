"""The component for recipes that ask a chat model something about each source row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import dagster as dg
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from model_foundry.components.recipe import Recipe
from model_foundry.inference.jobs import Request
from model_foundry.settings import Settings

_TEMPLATES = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class Sampling(dg.Model, dg.Resolvable):
    """How the model picks its tokens."""

    temperature: float = 0.7
    top_p: float | None = None
    max_tokens: int = 256
    seed: int | None = None


class GenerationRecipe(Recipe):
    """Asks a role's slots with `prompt.md` (and `system.md`), filled from each source row."""

    kind: ClassVar[Literal["generation", "translation"]] = "generation"

    sampling: Sampling = Sampling()

    def requests(
        self, folder: Path, row: Mapping[str, Any], settings: Settings
    ) -> Iterator[tuple[str, Request]]:
        """One chat request a row."""
        messages = []
        for role, name in (("system", "system.md"), ("user", "prompt.md")):
            path = folder / name
            if role == "user" or path.exists():
                template = _TEMPLATES.from_string(path.read_text(encoding="utf-8"))
                messages.append({"role": role, "content": template.render(row).strip()})
        yield (
            row["source_part"],
            Request(
                messages=messages,
                temperature=self.sampling.temperature,
                max_tokens=self.sampling.max_tokens,
                top_p=self.sampling.top_p,
                seed=self.sampling.seed,
            ),
        )
