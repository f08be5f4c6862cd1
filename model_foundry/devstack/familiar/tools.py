"""The tools that workers call: what a model is told of them, and what a call really does."""

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from model_foundry.devstack.familiar.vault import Search, Vault

NOTE_MAX_CHARS: Final = 300


class SearchNotes(msgspec.Struct):
    """Search the notes."""

    query: Annotated[str, Meta(min_length=1, max_length=80)]
    top_k: Annotated[int, Meta(ge=1, le=3)]


class ReadNote(msgspec.Struct):
    """Read a note."""

    path: Annotated[str, Meta(min_length=1, max_length=60)]


ARGUMENTS: Final[Mapping[str, type[SearchNotes] | type[ReadNote]]] = {
    "search_notes": SearchNotes,
    "read_note": ReadNote,
}


class Outcome(NamedTuple):
    """What a call came to. `arguments` as far as they could be read, else the model's own text.

    `search` is there when the vault was searched.
    """

    tool_call_id: str
    tool_name: str
    arguments: Any
    result: Mapping[str, Any]
    error_type: str | None
    duration_ms: float
    search: Search | None

    @property
    def text(self) -> str:
        """The result as the model gets to see it."""
        if self.error_type is not None:
            return str(self.result["error"])
        if self.search is None:
            return str(self.result["text"])
        found = [f"{note['path']}: {note['text']}" for note in self.result["notes"]]
        return "\n".join(found) or "Nothing was found."

    @property
    def notes(self) -> list[str]:
        """The texts of the notes that came back."""
        if self.error_type is not None:
            return []
        return [note["text"] for note in self.result.get("notes", [self.result])]


def definition(tool_name: str) -> dict[str, Any]:
    """A tool in OpenAI's words, its parameters as a JSON schema."""
    arguments = ARGUMENTS[tool_name]
    _, components = msgspec.json.schema_components([arguments])
    schema = components[arguments.__name__]
    return {
        "type": "function",
        "function": {
            "name": tool_name,
            "description": schema["description"],
            "parameters": {name: schema[name] for name in ("type", "properties", "required")},
        },
    }


def call(vault: Vault, tool_call: Mapping[str, Any]) -> Outcome:
    """Do what a model asked for; what it asked for wrongly is an outcome with an `error_type`."""
    started = time.perf_counter()
    name, text = tool_call["function"]["name"], tool_call["function"]["arguments"]
    search = error_type = None
    arguments: Any = text
    result: dict[str, Any]
    try:
        arguments = msgspec.json.decode(text)
        asked = msgspec.convert(arguments, ARGUMENTS[name])
    except KeyError:
        error_type, result = "unknown_tool", _error(f"there is no tool {name}")
    except msgspec.MsgspecError as error:
        error_type, result = "invalid_arguments", _error(str(error))
    else:
        match asked:
            case SearchNotes(query=query, top_k=top_k):
                search = vault.search(query, top_k)
                result = {"notes": [_shown(hit.path, hit.chunk) for hit in search.hits]}
            case ReadNote(path=path):
                note = vault.read(path)
                if note is None:
                    error_type, result = "note_not_found", _error(f"there is no note {path}")
                else:
                    result = _shown(path, note)
    duration_ms = (time.perf_counter() - started) * 1000
    return Outcome(tool_call["id"], name, arguments, result, error_type, duration_ms, search)


def _shown(path: str, text: str) -> dict[str, str]:
    return {"path": path, "text": text[:NOTE_MAX_CHARS]}


def _error(detail: str) -> dict[str, str]:
    return {"error": detail}
