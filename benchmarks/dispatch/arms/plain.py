"""What the arms on the openai client have in common: their clients."""

import openai

from benchmarks.dispatch.arms import Slot, Task


def client(slot: Slot) -> openai.AsyncOpenAI:
    """The openai client of a slot, as its documentation makes it."""
    return openai.AsyncOpenAI(base_url=f"{slot.endpoint}/v1", api_key="none", max_retries=0)


async def ask(asked: openai.AsyncOpenAI, task: Task, number: int) -> None:
    """One job, and its answer's text."""
    completion = await asked.chat.completions.create(**task.chat(number))
    assert completion.choices[0].message.content
