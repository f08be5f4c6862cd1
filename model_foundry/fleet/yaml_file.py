"""A YAML file read into a pydantic model; whatever is wrong is named by file, line and field."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from model_foundry.errors import FoundryError

Model = TypeVar("Model", bound=BaseModel)
Where = tuple[int | str, ...]


def load_yaml(path: Path, model: type[Model]) -> Model:
    """The model that the file describes.

    Raises:
        FoundryError: one line `FILE:LINE: FIELD: what is wrong` for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = yaml.safe_load(text)
    except OSError as error:
        raise FoundryError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FoundryError(f"{path}: not UTF-8: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise FoundryError(f"{path}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise FoundryError(f"{path}: not YAML: {error}") from error
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        faults = []
        for fault in error.errors(include_input=False, include_url=False):
            line, field = _place(root, fault["loc"])
            faults.append(f"{path}:{line}: {field}: {fault['msg'].removeprefix('Value error, ')}")
        raise FoundryError("\n".join(dict.fromkeys(faults))) from error


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
