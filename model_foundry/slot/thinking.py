"""Where a text's thinking ends and its answer begins, by the marks that models put between. Pure.

Servers that know their model's marks give the thinking in a field of its own. The others leave
them in the text, often without the first one, which the chat template had put into the prompt.
"""

import re
from typing import Final, NamedTuple

import msgspec

from model_foundry.slot.text import after_space

_MARKS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|channel>thought", "<channel|>"),  # Gemma 4
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Cohere
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker
)
# What the last two put before the answer; what they put behind it ends a turn (`finish`).
_ANSWER: Final = re.compile(r"(?:<\|START_RESPONSE\|>|<\|begin_of_solution\|>)\s*")
# llama-swap tells of a load as if the model said it.
_LOADING: Final = re.compile(
    r"\s*━+\nllama-swap loading model: .*?\nDone! \([0-9.]+s\)\n━+\n\s*", re.DOTALL
)
_FIRST_OF_ENDS: Final = sorted({end[0] for _, end in _MARKS})
# gpt-oss answers in channels: `<|channel|>analysis<|message|>…<|end|>`, then `final`.
_CHANNEL, _MESSAGE, _START = "<|channel|>", "<|message|>", "<|start|>"
_CHANNEL_ENDS: Final = ("<|end|>", "<|return|>", "<|call|>", _START)
_QUOTES: Final = frozenset("`'\"")


class Told(NamedTuple):
    """A text without its thinking, and the thinking, None if there was none."""

    text: str
    thinking: str | None = None


def without_notice(text: str) -> str:
    """A text without the server's own notice, at its start, that it has loaded the model."""
    return text[found.end() :] if (found := _LOADING.match(text)) else text


def told(text: str, *, thought_elsewhere: bool) -> Told:
    """Split a text where thinking stands at its start; marks in its middle are the answer's own.

    Args:
        text: of a chat's answer.
        thought_elsewhere: whether the server gave the thinking in a field of its own, so that
            an end mark alone says nothing of what stands before it.
    """
    at = after_space(text, 0)
    if text.startswith((_CHANNEL, _START), at) and _MESSAGE in text:
        return _channels(text)
    if text.startswith("analysis", at) and "assistantfinal" in text:  # the same, marks removed
        thinking, _, answer = text[at + len("analysis") :].partition("assistantfinal")
        return Told(answer, thinking)
    thoughts: list[str] = []
    while marks := next((marks for marks in _MARKS if text.startswith(marks[0], at)), None):
        begin = at + len(marks[0])
        end = text.find(marks[1], begin)
        if end < 0:
            thoughts.append(text[begin:].strip())
            at = len(text)
        else:
            thoughts.append(text[begin:end].strip())
            at = after_space(text, end + len(marks[1]))
    if marked := _ANSWER.match(text, at):
        at = marked.end()
    if thoughts or marked:
        return Told(text[at:], "\n".join(filter(None, thoughts)) or None)
    return _after_lone_end(text, thought_elsewhere=thought_elsewhere)


def _after_lone_end(text: str, *, thought_elsewhere: bool) -> Told:
    if not any(first in text for first in _FIRST_OF_ENDS):
        return Told(text)
    for opening, end in _MARKS:
        before, found, after = text.partition(end)
        if not found or opening in before or (thought_elsewhere and before.strip()):
            continue
        quoted = before[-1:] in _QUOTES or after[:1] in _QUOTES or before.count("```") % 2
        if not quoted and not _is_json(text):
            return Told(after.lstrip(), before.strip() or None)
    return Told(text)


def _channels(text: str) -> Told:
    answer: list[str] = []
    thoughts: list[str] = []
    for part in text.split(_CHANNEL)[1:]:
        header, found, body = part.partition(_MESSAGE)
        for end in _CHANNEL_ENDS:
            body = body.partition(end)[0]
        # A commentary to a person is part of the answer; one to a tool is a call gone astray.
        is_answer = header.startswith(("final", "commentary")) and " to=" not in header
        if found:
            (answer if is_answer else thoughts).append(body)
    return Told("".join(answer), "\n".join(thoughts) or None)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return True
