"""chrF2 of a text and its translation back, with sacrebleu's signature.

On Japanese, BLEU with its usual tokens says nothing; chrF2 counts characters and needs no tokens.
"""

from typing import NamedTuple


class RoundTrip(NamedTuple):
    """chrF2, from 0 to 100, and the signature that says how it was computed."""

    chrf2: float
    signature: str


def round_trip(text: str, back: str) -> RoundTrip:
    """How much of a text its translation back still has."""
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415 - takes 0.5 s, and is seldom asked for

    chrf = CHRF(word_order=0, beta=2)
    score = chrf.sentence_score(back, [text]).score
    return RoundTrip(round(score, 2), str(chrf.get_signature()))
