"""How familiar asks its slots: requests in OpenAI's words, short enough for a very small model.

Solved examples come first and what changes comes last, so that a slot finds the beginning of its
next prompt in its cache.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from model_foundry.devstack.familiar import tools

Body = dict[str, Any]
Message = dict[str, Any]

WORKERS: Final = 3
PLAN_MAX_TOKENS: Final = 80
TOOL_MAX_TOKENS: Final = 48
FINDING_MAX_TOKENS: Final = 56
ANSWER_MAX_TOKENS: Final = 72
TRANSLATION_MAX_TOKENS: Final = 80

_PLAN: Final[Sequence[Message]] = (
    {
        "role": "system",
        "content": "You plan. Split the task into three short lookups, one a line.",
    },
    {"role": "user", "content": "Why is the backup of the photo server slow?"},
    {
        "role": "assistant",
        "content": "1. Look up how the photo server is backed up.\n"
        "2. Look up what limits the backup disk.\n"
        "3. Look up earlier slow backups.",
    },
    {"role": "user", "content": "Which port does the web proxy use, and who may reach it?"},
    {
        "role": "assistant",
        "content": "1. Look up the port of the web proxy.\n"
        "2. Look up the firewall rules for the web proxy.\n"
        "3. Look up who has access to the web proxy.",
    },
)


def _called(tool_call_id: str, tool_name: str, **arguments: Any) -> Message:
    function = {"name": tool_name, "arguments": json.dumps(arguments)}
    call = {"id": tool_call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def _returned(tool_call_id: str, text: str) -> Message:
    return {"role": "tool", "tool_call_id": tool_call_id, "content": text}


_LOOK_UP: Final[Message] = {"role": "system", "content": "You look things up in the notes."}
_SEARCHED_PROXY: Final = (
    {"role": "user", "content": "Look up the port of the web proxy."},
    _called("example-2", "search_notes", query="web proxy port", top_k=2),
    _returned("example-2", "network/web-proxy.md: The proxy listens on port 8080."),
)
_SAID_PROXY: Final[Message] = {"role": "assistant", "content": "It is port 8080."}
_EXAMPLES: Final[dict[str, Sequence[Message]]] = {
    "search_notes": (
        _LOOK_UP,
        {"role": "user", "content": "Look up how the photo server is backed up."},
        _called("example-1", "search_notes", query="photo server backup", top_k=2),
        _returned("example-1", "network/photo-server.md: Copied to the NAS at four."),
        {"role": "assistant", "content": "It is copied to the NAS at four."},
        *_SEARCHED_PROXY,
        _SAID_PROXY,
    ),
    "read_note": (
        _LOOK_UP,
        *_SEARCHED_PROXY,
        _called("example-3", "read_note", path="network/web-proxy.md"),
        _returned("example-3", "The proxy listens on port 8080."),
        _SAID_PROXY,
    ),
}


def plan(task: str, seed: int) -> Body:
    """Ask for one lookup per worker."""
    messages = [*_PLAN, _user(task)]
    return {"messages": messages, "max_tokens": PLAN_MAX_TOKENS, **_sampling(seed)}


def lookups(plan_text: str, task: str) -> list[str]:
    """The plan's numbered lines, one per worker; a worker that the plan forgot gets the task."""
    found = re.findall(r"^\s*\d+[.)]\s*(\S.*)$", plan_text, re.MULTILINE)[:WORKERS]
    return found + [task] * (WORKERS - len(found))


def tool_use(tool_name: str, conversation: Iterable[Message], seed: int) -> Body:
    """Ask for a call of one tool: `required` is what a server enforces with a grammar."""
    return {
        "messages": [*_EXAMPLES[tool_name], *conversation],
        "tools": [tools.definition(tool_name)],
        "tool_choice": "required",
        "max_tokens": TOOL_MAX_TOKENS,
        **_sampling(seed),
    }


def finding(lookup: str, notes: Iterable[str], seed: int) -> Body:
    """Ask a worker what its notes say."""
    return _answer("You answer in one sentence from these notes.", notes, lookup, seed) | {
        "max_tokens": FINDING_MAX_TOKENS
    }


def answer(task: str, findings: Iterable[str], seed: int) -> Body:
    """Ask the orchestrator for the answer to the task."""
    instruction = "You answer in one or two sentences from these findings."
    return _answer(instruction, findings, task, seed) | {"max_tokens": ANSWER_MAX_TOKENS}


def _answer(instruction: str, texts: Iterable[str], question: str, seed: int) -> Body:
    listed = "".join(f"\n- {' '.join(text.split())}" for text in texts)
    messages = [{"role": "system", "content": instruction + listed}, _user(question)]
    # A small model repeats itself without the penalty.
    return {"messages": messages, "stop": ["\n"], "frequency_penalty": 0.3, **_sampling(seed)}


def _user(text: str) -> Message:
    return {"role": "user", "content": text}


def _sampling(seed: int) -> Body:
    return {"temperature": 0.2, "seed": seed}
