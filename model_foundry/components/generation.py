"""The component for recipes that ask a chat model something about each source row."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import dagster as dg
from pydantic import Field, model_validator

from model_foundry.components.folder import Folder
from model_foundry.components.recipe import Asked, Asking, Recipe, described
from model_foundry.components.scaffold import RecipeScaffolder
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Accept, Request

TOOL_CHOICES: Final = ("auto", "required", "none")


class Sampling(dg.Model, dg.Resolvable):
    """How the model picks its tokens; what is not given is left to the server."""

    temperature: Annotated[float, described("0: always the likeliest token.")] = Field(
        0.7, ge=0, le=5
    )
    top_p: Annotated[float | None, described("Nucleus sampling.")] = Field(None, gt=0, le=1)
    max_tokens: Annotated[
        int, described("Longest answer. One that reaches it is rejected: finish_reason is length.")
    ] = Field(256, ge=1)
    seed: Annotated[
        int | None, described("Makes sampling repeatable where the server keeps to it.")
    ] = Field(None, ge=0, le=2**31)
    stop: Annotated[list[str] | None, described("Texts that end the answer.")] = None


class Output(dg.Model, dg.Resolvable):
    """What the answer must look like."""

    json_schema: Annotated[
        str | dict[str, Any],
        described(
            "A JSON schema: a file of the folder (.json, .yaml), or inline. It is sent as "
            "`response_format`, and the answer is checked against it."
        ),
    ]
    accept: Annotated[
        Accept,
        described(
            "strict: the answer's text is the JSON. unfence: it may stand in a Markdown fence, or "
            "in the reasoning of an answer without text."
        ),
    ] = "strict"


@dg.scaffold_with(RecipeScaffolder)
class GenerationRecipe(Recipe):
    """Asks a role's slots something about each row of `source.sql`, as `prompt.md` says.

    `prompt.md`, and `system.md` if there is one, are Jinja templates that see the row's columns.
    A column `messages` (OpenAI's messages, jsonb) is the conversation so far; the prompt, which is
    then optional, comes after it.

    An answer that does not match `output` or `tools` goes back to a slot once with what is wrong
    with it; if it is wrong again, the result is `rejected`.
    """

    kind: ClassVar[Literal["generation", "translation"]] = "generation"

    sampling: Annotated[Sampling, described("How the model picks its tokens.")] = Sampling()
    output: Annotated[Output | None, described("The shape of the answer; without it: text.")] = None
    tools: Annotated[
        str | None, described("A file of the folder with a list of tools as OpenAI shapes them.")
    ] = None
    tool_choice: Annotated[
        str | None,
        described("auto, required, none, or the name of the tool that must be called."),
    ] = None
    samples: Annotated[
        int,
        described("Answers per row. Each further one has a seed and a source_part of its own."),
    ] = Field(1, ge=1, le=1000)

    @model_validator(mode="after")
    def _fields_agree(self) -> "GenerationRecipe":
        if self.output is not None and self.tools is not None:
            raise ValueError("output and tools exclude each other: give one of them")
        if self.tool_choice is not None and self.tools is None:
            raise ValueError("tool_choice needs tools")
        if self.samples > 1 and self.sampling.temperature == 0:
            raise ValueError(
                f"{self.samples} samples at temperature 0 are the same answer {self.samples} times"
            )
        return self

    def asking(self, folder: Folder) -> Asking:
        """One chat request a row and sample."""
        prompts = [
            (role, prompt)
            for role, file in (("system", "system.md"), ("user", "prompt.md"))
            if (prompt := folder.prompt(file)) is not None
        ]
        shape = self._shape(folder)

        def ask(row: Mapping[str, Any], _: Settings) -> Iterator[Asked]:
            said = [
                (role, {"role": role, "content": prompt.filled(row)}) for role, prompt in prompts
            ]
            messages = [
                *(message for role, message in said if role == "system"),
                *_conversation(row),
                *(message for role, message in said if role == "user"),
            ]
            if all(message.get("role") == "system" for message in messages):
                if "messages" not in row:
                    raise folder.wrong("prompt.md", "is missing, and the rows have no messages")
                raise ValueError("there is no prompt.md, and the row has no messages")
            for sample in range(1, self.samples + 1):
                yield (
                    _part(row["source_part"], sample),
                    Request(
                        messages=messages,
                        temperature=self.sampling.temperature,
                        max_tokens=self.sampling.max_tokens,
                        top_p=self.sampling.top_p,
                        seed=_seed(self.sampling.seed, sample),
                        stop=self.sampling.stop,
                        thinking=self.thinks(),
                        **shape,
                    ),
                )

        return ask

    def accepts(self) -> Accept:
        return "strict" if self.output is None else self.output.accept

    def _shape(self, folder: Folder) -> dict[str, Any]:
        """The parts of the request that say what the answer must look like."""
        if self.output is not None:
            schema = folder.schema(self.output.json_schema)
            named = {"name": folder.recipe, "schema": schema, "strict": True}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        if self.tools is None:
            return {}
        tools = folder.tools(self.tools)
        choice: str | dict[str, Any] | None = self.tool_choice
        if choice is not None and choice not in TOOL_CHOICES:
            if choice not in tools:
                known = ", ".join([*TOOL_CHOICES, *tools])
                raise folder.wrong("defs.yaml", f"tool_choice is {choice!r}; known: {known}")
            choice = {"type": "function", "function": {"name": choice}}
        return {"tools": list(tools.values()), "tool_choice": choice}


def _conversation(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = row.get("messages")
    if messages is None:
        return []
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        raise ValueError("messages is no list of objects")
    return messages


def _part(part: str, sample: int) -> str:
    """The first sample is the row's only one elsewhere: more samples do not ask it again."""
    return part if sample == 1 else f"{part}/sample/{sample}".lstrip("/")


def _seed(seed: int | None, sample: int) -> int | None:
    return seed if sample == 1 else (seed or 0) + sample - 1
