"""chrF2 of a text and its translation back, with sacrebleu's signature.

On Japanese, BLEU with its usual tokens says nothing; chrF2 counts characters and needs no tokens.
"""

from typing import Final, NamedTuple

from sacrebleu.metrics.chrf import CHRF

_CHRF: Final = CHRF(word_order=0, beta=2)


class RoundTrip(NamedTuple):
    """chrF2, from 0 to 100, and the signature that says how it was computed."""

    chrf2: float
    signature: str


def round_trip(text: str, back: str) -> RoundTrip:
    """How much of a text its translation back still has."""
    score = _CHRF.sentence_score(back, [text]).score
    return RoundTrip(round(score, 2), str(_CHRF.get_signature()))
