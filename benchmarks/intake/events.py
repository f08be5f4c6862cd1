"""The events that every arm carries: chat exchanges of about 1.2 KB, the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from model_foundry.events.subjects import CHAT

Ids = Literal["ordered", "random"]
"""UUIDv7, or UUIDv4."""

START: Final = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
"""When the first event of the first set occurred; the preloaded ones lie before it that day."""

_WORDS: Final = (
    *("slot", "queue", "token", "stream", "batch", "prompt", "answer", "vector", "index"),
    *("commit", "ledger", "partition", "retry", "summary", "recipe", "dataset", "latency"),
    *("cache", "memory", "driver", "kernel", "thermal", "budget", "schedule", "翻訳", "検索"),
)
_PROMPT_CHARS: Final = 180
_ANSWER_CHARS: Final = 280


@dataclass(frozen=True)
class Events:
    """`count` events; sets of different numbers share no event id."""

    count: int
    seed: int = 20
    number: int = 0
    ids: Ids = "ordered"

    def event_ids(self) -> list[str]:
        """Their ids, in order of time."""
        rng = random.Random(f"{self.seed}/{self.number}/{self.ids}")
        if self.ids == "random":
            return [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(self.count)]
        first = int(self._start.timestamp() * 1000)
        return [_uuid7(first + n, rng.getrandbits(74)) for n in range(self.count)]

    def bodies(self) -> Iterator[bytes]:
        """Their messages, in the homelab envelope."""
        rng = random.Random(self.seed)
        text = " ".join(rng.choices(_WORDS, k=20_000))
        longest = len(text) - max(_PROMPT_CHARS, _ANSWER_CHARS)
        encode = msgspec.json.Encoder().encode
        for n, event_id in enumerate(self.event_ids()):
            prompt, answer = rng.randrange(longest), rng.randrange(longest)
            session_id = f"session-{n // 20:06d}"
            prompt_tokens = 40 + prompt % 900
            yield encode(
                {
                    "event_id": event_id,
                    "subject": CHAT,
                    "correlation_id": session_id,
                    "causation_id": event_id[:-1] + "0",
                    "source": "familiar",
                    "occurred_at": (self._start + timedelta(milliseconds=n)).isoformat(),
                    "payload": {
                        "session_id": session_id,
                        "slot": ("naughty", "kindergarten", "grandpa")[n % 3],
                        "role": "worker",
                        "model": "gemma-4-31b-it",
                        "provider": "vllm",
                        "messages": [
                            {"role": "system", "content": "Answer in one paragraph."},
                            {"role": "user", "content": text[prompt : prompt + _PROMPT_CHARS]},
                        ],
                        "response": {
                            "content": text[answer : answer + _ANSWER_CHARS],
                            "finish_reason": "stop",
                        },
                        "usage": {
                            "prompt_tokens": prompt_tokens,
                            "completion_tokens": 30 + answer % 500,
                            "cached_tokens": prompt_tokens // 3,
                        },
                        "timings": {
                            "ttft_ms": 20 + prompt % 400,
                            "duration_ms": 300 + answer % 5_000,
                            "prompt_per_second": 812.5,
                            "predicted_per_second": 97.25,
                        },
                        "parameters": {"temperature": 0.7, "max_tokens": 512},
                    },
                }
            )

    @property
    def _start(self) -> datetime:
        return START + timedelta(hours=self.number)


def _uuid7(milliseconds: int, rest: int) -> str:
    high = milliseconds << 80 | 0x7 << 76 | (rest >> 62) << 64
    return str(UUID(int=high | 0b10 << 62 | rest & (1 << 62) - 1))
