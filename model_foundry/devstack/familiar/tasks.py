"""What familiar is asked: questions that the vault can answer, in two languages."""

from typing import Final, Literal, NamedTuple

Language = Literal["en", "ja"]

TASKS: Final[dict[Language, tuple[str, ...]]] = {
    "ja": (
        "NATSを安全に再起動する手順を教えてください。",
        "夏になるとGPUのトークン速度が落ちるのはなぜですか？",
        "DuckDBのファイルが開けないのはなぜですか？",
        "停電のとき、サービスはどの順番で止まりますか？",
        "PostgreSQLの古い日のデータはいつ消えますか？",
    ),
    "en": (
        "Why did the NATS consumer stop delivering messages?",
        "How is GPU memory divided between the slots?",
        "How is the PostgreSQL database backed up?",
        "How does telemetry get from familiar to Grafana?",
        "What does the recipe for follow-up questions do?",
    ),
}


class Task(NamedTuple):
    """A user's words, and the `seed` that the slots sample with while they work on them."""

    text: str
    language: Language
    seed: int


def tasks(sessions: int, seed: int) -> list[Task]:
    """One task per session: the first, and then every second one, is Japanese."""
    chosen = []
    for number in range(sessions):
        language: Language = "en" if number % 2 else "ja"
        questions = TASKS[language]
        text = questions[(seed + number // 2) % len(questions)]
        chosen.append(Task(text, language, (seed * 1_000 + number * 10) % 2**31))
    return chosen
