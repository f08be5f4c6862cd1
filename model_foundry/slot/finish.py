"""Why an answer ended: the words that servers have for it, in OpenAI's, and their tokens. Pure."""

from collections.abc import Mapping
from typing import Final

from model_foundry.slot.text import paired

WORD_MAX_CHARS: Final = 100
_WORDS: Final = {
    "stop": (
        "stop stopped stop_sequence stop_str stop_token eos eos_token eot end end_turn end_of_turn"
        " endoftext complete completed done finish finished normal"
    ),
    "length": (
        "length max_tokens max_token max_length max_new_tokens max_output_tokens token_limit"
        " model_length model_context_window_exceeded context_length context_length_exceeded"
    ),
    "tool_calls": "tool_calls tool_call tool_use function_call function_calls",
    "content_filter": (
        "content_filter content_filtered contentfilter safety image_safety recitation blocklist"
        " prohibited_content spii refusal sensitive guardrail_intervened moderation"
    ),
}
_OPENAI: Final[Mapping[str, str]] = {
    word: reason for reason, words in _WORDS.items() for word in words.split()
}
_NONE: Final = frozenset({"", "null", "none", "unspecified", "finish_reason_unspecified"})
_FAILED: Final = (
    "error errored server_error internal_error network_error timeout overloaded interrupted"
    " abort aborted cancel cancelled canceled fail failed failure insufficient_system_resource"
    " malformed_function_call unexpected_tool_call"
)
# The server gave up, not the model: the same request may be answered the next time.
GAVE_UP: Final = frozenset(_FAILED.split())


# What ends a turn, by the template of a model.
_TOKENS: Final = (
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<|endoftext|>", "<|end_of_text|>"),
    *("<|return|>", "<|END_OF_TURN_TOKEN|>", "<end_of_turn>", "<eos>", "<｜end▁of▁sentence｜>"),
    *("<|END_RESPONSE|>", "<|end_of_solution|>"),
)


def without_end(text: str) -> str:
    """A chat's text without the tokens that ended it, where its server leaves them in."""
    rest = text
    while (cut := _cut(rest.rstrip())) is not None:
        rest = cut
    return rest


def _cut(text: str) -> str | None:
    """Without the token at its end; None if there is none."""
    for token in _TOKENS:
        if text.endswith(token):
            return text[: -len(token)]
    # What a mark of HTML may be as well.
    return text[:-4] if text.endswith("</s>") and "<s>" not in text else None


def finish_reason(value: object) -> str | None:
    """OpenAI's word for a finish reason, one of `GAVE_UP`, or the word as it came if it is new.

    None as long as the answer goes on.
    """
    if isinstance(value, Mapping):
        value = value.get("type") or ("error" if value.get("error") else None)
    if not isinstance(value, str):
        return None
    if (known := _OPENAI.get(value)) is not None:
        return known
    said = value.strip()
    if said.startswith("<") and said.endswith(">"):
        return "stop"  # the very token that ended it
    if _word(said.partition(":")[0]) in GAVE_UP:
        return "error"  # and behind it why
    # `FinishReason.STOP`, and `function_call_filter: MALFORMED_FUNCTION_CALL`
    word = _word(said.rpartition(":")[2].rpartition(".")[2])
    if word in _NONE:
        return None
    return word if word in GAVE_UP else _OPENAI.get(word, paired([said[:WORD_MAX_CHARS]]))


def _word(said: str) -> str:
    return said.strip().casefold().replace("-", "_").replace(" ", "_")
