"""How long an attempt may take. Pure.

What is bounded is silence. A prompt has its time to be read, and the whole has a bound that only
an answer without end reaches, such as one of blanks.
"""

from typing import Final, NamedTuple

from model_foundry.fleet.file import Slot
from model_foundry.settings import Settings
from model_foundry.slot.jobs import Request

# How much slower than on an idle slot a request may be among others.
FACTOR: Final = 10.0
# Tokens per second of slots whose fleet file expects none: those of a small CPU.
PP_TOKENS_PER_S: Final = 50.0
TG_TOKENS_PER_S: Final = 5.0
# Three bytes are a token of English with room to spare, and a sign of Japanese.
BYTES_PER_TOKEN: Final = 3


class Limits(NamedTuple):
    """Seconds: to the answer's first byte, between two of its bytes, and of the whole."""

    first_s: float
    idle_s: float
    whole_s: float


def limits_of(slot: Slot, request: Request, body_bytes: int, settings: Settings) -> Limits:
    """The limits of one attempt.

    First byte: the silence, the time for the prompt, a declared `load_s`, and where requests wait
    in the server's own queue (`queue_ahead`) the answer of whoever is before. The whole: that, and
    the time for `max_tokens`, but for a full context without it or beyond it.
    """
    expected = slot.expected
    pp = PP_TOKENS_PER_S
    tg = TG_TOKENS_PER_S
    if expected is not None:
        pp = expected.pp_tokens_per_s[0] if expected.pp_tokens_per_s else pp
        tg = expected.tg_tokens_per_s[0] if expected.tg_tokens_per_s else tg
    idle_s = idle_s_of(slot, settings)
    prompt_s = FACTOR * body_bytes / BYTES_PER_TOKEN / pp
    asked_tokens = request.max_tokens or 0  # servers take -1 for no limit
    most = slot.context_tokens
    answer_s = FACTOR * (asked_tokens if 0 < asked_tokens < most else most) / tg
    first_s = idle_s + prompt_s + (slot.load_s or 0.0) + (answer_s if slot.queue_ahead else 0.0)
    return Limits(first_s, idle_s, first_s + answer_s)


def idle_s_of(slot: Slot, settings: Settings) -> float:
    """The silence that ends an attempt on the slot, in seconds."""
    return settings.inference_idle_s if slot.idle_s is None else slot.idle_s


def load_s_of(slot: Slot, settings: Settings) -> float:
    """For how many seconds the slot may say that it is loading a model."""
    return settings.inference_loading_s if slot.load_s is None else slot.load_s
