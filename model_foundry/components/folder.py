"""The files of a recipe's folder: read when it is loaded, with errors that name the file.

Belongs here: texts, prompt templates, JSON or YAML documents, what each must be. Does not: what is
made of them (`generation`, `translation`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import StrictUndefined, Template, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment

from model_foundry.errors import FoundryError
from model_foundry.slot.schemas import check_schema

# CPU time; a recipe's own schema may be large, and is looked at once.
SCHEMA_CHECK_S: Final = 10.0


def _no_null(value: Any) -> Any:
    if value is None:
        raise ValueError("it prints a NULL")
    return value


_TEMPLATES: Final = SandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, finalize=_no_null
)


class Folder:
    """A recipe's folder; its name is the recipe's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path.name

    def wrong(self, file: str, what: str) -> FoundryError:
        """The error that a file is wrong, to be raised."""
        return FoundryError(f"recipe {self.recipe}: {self.path / file}: {what}")

    def text(self, file: str) -> str:
        """A file's text.

        Raises:
            FoundryError: it cannot be read.
        """
        try:
            return (self.path / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self.wrong(file, reason) from error

    def prompt(self, file: str) -> "Prompt | None":
        """A file's prompt, or None if there is no such file.

        Raises:
            FoundryError: it is no Jinja template; the line is named.
        """
        if not (self.path / file).exists():
            return None
        try:
            text = self.text(file)
            columns = meta.find_undeclared_variables(_TEMPLATES.parse(text))
            return Prompt(self, file, _TEMPLATES.from_string(text), columns)
        except TemplateSyntaxError as error:
            raise self.wrong(f"{file}:{error.lineno}", str(error.message)) from error

    def document(self, file: str) -> Any:
        """What a JSON or YAML file holds.

        Raises:
            FoundryError: it cannot be read, or is neither; the line is named.
        """
        text = self.text(file)
        try:
            return json.loads(text) if file.endswith(".json") else yaml.safe_load(text)
        except (ValueError, yaml.YAMLError) as error:
            raise self.wrong(file, " ".join(str(error).split())) from error

    def schema(self, declared: str | dict[str, Any]) -> dict[str, Any]:
        """A JSON schema that stands in a file, or inline.

        Raises:
            FoundryError: it is no JSON schema; where it is wrong is named.
        """
        file = declared if isinstance(declared, str) else "defs.yaml"
        schema = self.document(declared) if isinstance(declared, str) else declared
        try:
            check_schema(schema, SCHEMA_CHECK_S)
        except ValueError as error:
            raise self.wrong(file, f"no JSON schema: {error}") from error
        return dict(schema)

    def tools(self, file: str) -> dict[str, dict[str, Any]]:
        """A file's list of tools, as OpenAI shapes them, by name.

        Raises:
            FoundryError: it is no such list; the tool and what is wrong with it are named.
        """
        listed = self.document(file)
        if not isinstance(listed, list) or not listed:
            raise self.wrong(file, "must be a list of tools")
        tools: dict[str, dict[str, Any]] = {}
        for number, tool in enumerate(listed, start=1):
            function = tool.get("function") if isinstance(tool, Mapping) else None
            if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
                raise self.wrong(
                    file, f'tool {number} must be {{"type": "function", "function": {{"name": …}}}}'
                )
            if function["name"] in tools:
                raise self.wrong(file, f"two tools are named {function['name']}")
            try:
                check_schema(function.get("parameters", {"type": "object"}), SCHEMA_CHECK_S)
            except ValueError as error:
                raise self.wrong(
                    file, f"parameters of tool {function['name']} are no JSON schema: {error}"
                ) from error
            tools[function["name"]] = {"type": "function", "function": dict(function)}
        return tools


class Prompt:
    """A prompt file: Jinja, filled with a source row's columns."""

    def __init__(self, folder: Folder, file: str, template: Template, columns: set[str]) -> None:
        self._folder = folder
        self._file = file
        self._template = template
        self._columns = columns

    def filled(self, row: Mapping[str, Any]) -> str:
        """The prompt for one row.

        Raises:
            FoundryError: it uses a column that source.sql does not give.
            ValueError: it cannot be filled with what this row holds.
        """
        try:
            return self._template.render(row).strip()
        except Exception as error:  # a template computes with whatever the row holds
            lacks = [f"'{name}' is undefined" for name in self._columns - row.keys()]
            if isinstance(error, UndefinedError) and error.message in lacks:
                given = ", ".join(row)
                raise self._folder.wrong(
                    self._file, f"{error.message}; source.sql gives: {given}"
                ) from error
            nulls = ", ".join(
                name for name in sorted(self._columns & row.keys()) if row[name] is None
            )
            told = f"{self._file}: {error}" + (f"; NULL: {nulls}" if nulls else "")
            raise ValueError(told) from error
