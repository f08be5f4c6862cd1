"""The key of a remembered translation: everything that can make it another, and nothing else."""

import hashlib
import json

from model_foundry.inference.fleet import PromptFormat
from model_foundry.translation.prompts import PROMPT_VERSIONS


def memory_key(
    text: str,
    *,
    source: str,
    target: str,
    model: str,
    prompt_format: PromptFormat,
    glossary_version: str = "",
) -> str:
    """SHA-256, in hex, of a segment's text, the pair, the model, how it is asked, the terms.

    Not of the document or the place in it: a text that moves, or stands in another document, is the
    same. Nor of the context that was sent along: it would make one edit change its neighbours.
    """
    key = [
        text,
        source.lower(),
        target.lower(),
        model,
        prompt_format,
        PROMPT_VERSIONS[prompt_format],
        glossary_version,
    ]
    return hashlib.sha256(json.dumps(key, ensure_ascii=False).encode()).hexdigest()
