"""A YAML file read into a pydantic model; whatever is wrong is named by file, line and field."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from model_foundry.errors import FoundryError
from model_foundry.fleet.suggestion import did_you_mean, meant

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one place, of which YAML's readers keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    said = f"the key {key.value} stands here twice"
                    raise yaml.constructor.ConstructorError(
                        problem=said, problem_mark=key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def load_yaml(path: Path, model: type[Model]) -> Model:
    """The model that the file describes.

    Raises:
        FoundryError: one line `FILE:LINE: FIELD: what is wrong` for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 (it is a SafeLoader)
    except OSError as error:
        raise FoundryError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FoundryError(f"{path}: not UTF-8: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise FoundryError(f"{path}:{line}: not YAML: {error.problem}") from error
    except RecursionError:
        raise FoundryError(f"{path}: not YAML: nested too deeply") from None
    except (yaml.YAMLError, ValueError) as error:  # dates and numbers that there are not
        raise FoundryError(f"{path}: not YAML: {error}") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        faults = []
        for where, message in _faults(error.errors(include_url=False), model):
            line, field = _place(root, where)
            faults.append(f"{path}:{line}: {field}: {message}")
        raise FoundryError("\n".join(dict.fromkeys(faults))) from None


def _faults(faults: Sequence[ErrorDetails], model: type[BaseModel]) -> Iterator[tuple[Where, str]]:
    """What is wrong, and where; a key that was meant to be another is not missing besides."""
    instead: dict[Where, str] = {}
    misspelt: set[Where] = set()
    for fault in faults:
        if fault["type"] == "extra_forbidden":
            where, known = fault["loc"], _fields(model, fault["loc"][:-1])
            instead[where] = did_you_mean(where[-1], known) or f"; known: {', '.join(known)}"
            misspelt.add((*where[:-1], meant(where[-1], known) or where[-1]))
    emptied = {fault["loc"][:-1] for fault in faults}
    for fault in faults:
        where = fault["loc"]
        if fault["type"] == "too_short" and where in emptied:
            continue  # what was there is wrong, and named
        if where in instead:
            yield where, f"unknown key{instead[where]}"
        elif fault["type"] == "literal_error":
            known = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
            yield where, fault["msg"] + did_you_mean(fault["input"], known)
        elif fault["type"] != "missing" or where not in misspelt:
            yield where, fault["msg"].removeprefix("Value error, ")


def _fields(model: type[BaseModel], where: Where) -> list[str]:
    """The keys that there may be at a place; parts of it that are no fields are passed over."""
    here: object = model
    for part in where:
        fields = {
            name: field for each in _models(here) for name, field in each.model_fields.items()
        }
        if part in fields:
            here = fields[str(part)].annotation
    return [name for each in _models(here) for name in each.model_fields]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _models(part)


def _place(root: yaml.Node | None, where: Where) -> tuple[int, str]:
    """Line and name of a field; parts of `where` that are not in the file name union members."""
    node, line, field = root, 1, ""
    for number, part in enumerate(where, start=1):
        found = _child(node, part)
        if found is not None:
            node, line = found
        elif not (isinstance(node, yaml.MappingNode) and number == len(where)):
            continue  # else a field that is missing: the line of what lacks it
        field += f"[{part}]" if isinstance(part, int) else f".{part}"
    return line, field.removeprefix(".") or "file"


def _child(node: yaml.Node | None, part: int | str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return None
