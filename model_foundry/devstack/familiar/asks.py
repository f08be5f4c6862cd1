"""What people ask familiar for, and how it asks its slots."""

from typing import Final, NamedTuple


class Task(NamedTuple):
    """A person's request, in its language."""

    language: str
    text: str


TASKS: Final = (
    Task("en", "Our second GPU sits idle while the first one queues. What should we change?"),
    Task("ja", "NATSのコンシューマーが止まりました。どうやって再開すればいいですか。"),
    Task("en", "Explain how a day is rebuilt in Dagster when events arrive late."),
    Task("ja", "翻訳スロットの品質を上げるにはどうすればいいですか。"),
    Task("en", "How much memory is left for the KV cache next to the weights?"),
    Task("ja", "PostgreSQLのバックアップと保存期間について教えてください。"),
    Task("en", "Which dashboard shows whether a slot is slow or only busy?"),
    Task("ja", "DuckDBのロックを避ける方法を説明してください。"),
    Task("en", "Plan the steps for adding a translator slot to the fleet."),
    Task("ja", "停電のときにサーバーを安全に止める手順を作ってください。"),
)

PLANNER: Final = "You are the orchestrator of a homelab. Answer briefly."
WORKER: Final = "You are a worker. Use the notes that you were given. Answer in two sentences."
ASPECTS: Final = {
    "en": ("the facts in our notes", "the risks", "the next steps"),
    "ja": ("メモにある事実", "危険なところ", "次の手順"),
}


def plan_request(task: Task) -> str:
    """What the orchestrator is asked first."""
    if task.language == "ja":
        return f"{task.text}\n三つの短い手順で計画してください。"
    return f"{task.text}\nPlan this in three short steps."


def worker_request(task: Task, aspect: str) -> str:
    """What one worker is asked."""
    if task.language == "ja":
        return f"{task.text}\nあなたの担当は「{aspect}」です。"
    return f"{task.text}\nYour part: {aspect}."


def collect_request(task: Task, answers: list[str]) -> str:
    """What the orchestrator is asked last."""
    gathered = "\n".join(f"- {' '.join(answer.split())[:300]}" for answer in answers)
    return f"{task.text}\nThe workers answered:\n{gathered}\nSum this up in two sentences."
