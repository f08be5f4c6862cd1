"""familiar's way to the slots: the openai client, and a place for every request that may run."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import httpx2
import openai

from model_foundry.devstack.familiar.prompts import Body, Message
from model_foundry.errors import FoundryError
from model_foundry.fleet.file import Slot, settings_fleet
from model_foundry.masking import mask_of
from model_foundry.settings import Settings
from model_foundry.slot.refusals import plain


class Exchange(NamedTuple):
    """What was asked and what the server answered, both as they crossed the wire.

    `said` is the conversation as a person would read it: for a completion, whose prompt is one
    text, the words that it was made from.
    """

    slot: Slot
    role: str
    said: list[Message]
    body: Body
    answer: dict[str, Any]
    duration_ms: float

    @property
    def text(self) -> str:
        """The answer's text."""
        choice = self.answer["choices"][0]
        if "text" in choice:
            return str(choice["text"]).strip()
        return choice["message"].get("content") or ""

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls that the model wants made."""
        return self.answer["choices"][0].get("message", {}).get("tool_calls") or []

    @property
    def usage(self) -> dict[str, Any]:
        """Token counts of the server; empty where it gave none."""
        return self.answer.get("usage") or {}

    @property
    def input_tokens(self) -> int:
        """Tokens of the prompt, those from the cache included; 0 where the server does not say."""
        return self.usage.get("prompt_tokens") or 0

    @property
    def output_tokens(self) -> int:
        """Tokens of the answer; 0 where the server does not say."""
        return self.usage.get("completion_tokens") or 0


class Connection:
    """The way to one slot, which takes `parallel` requests at once."""

    def __init__(self, slot: Slot, environment: Mapping[str, str], settings: Settings) -> None:
        self.slot = slot
        self.free = slot.parallel
        address, key = slot.address(environment), slot.key(environment)
        self._url = address.root
        self._mask = mask_of(key)
        self._client = openai.AsyncOpenAI(
            base_url=address.api,
            api_key=key or "none",
            http_client=openai.DefaultAsyncHttpxClient(
                timeout=httpx2.Timeout(
                    settings.inference_idle_s, connect=settings.connect_timeout_s
                ),
                trust_env=False,
            ),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.close()

    async def ask(self, role: str, body: Body, *, said: list[Message] | None = None) -> Exchange:
        """One exchange: a completion where the body holds a `prompt`, else a chat.

        Raises:
            FoundryError: the slot did not answer; it names the slot.
        """
        started = time.perf_counter()
        api = self._client.completions if "prompt" in body else self._client.chat.completions
        try:
            answer = await api.create(model=self.slot.model, **body)
        except openai.APIError as error:
            raise FoundryError(
                f"slot {self.slot.name} at {self._url} did not answer familiar: "
                f"{plain(str(error), self._mask).rstrip('.')}. Look at the slot's log, and check "
                "that it serves what the fleet file says."
            ) from None
        duration_ms = (time.perf_counter() - started) * 1000
        said = body["messages"] if said is None else said
        return Exchange(self.slot, role, said, body, answer.to_dict(), duration_ms)


class Slots:
    """The slots of the profile. Sessions take a place before they ask, and give it back."""

    def __init__(self, connections: Mapping[str, Connection], roles: Mapping[str, list[str]]):
        self._connections = connections
        self._roles = roles
        self._changed = asyncio.Condition()

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, settings: Settings) -> AsyncIterator["Slots"]:
        """The slots of the fleet and profile that the settings name.

        Raises:
            FoundryError: a slot's URL is not known, or no slot serves a role.
        """
        fleet, environment = settings_fleet(settings), settings.environment()
        roles = {
            role: [slot.name for slot in fleet.with_role(role, settings.profile)]
            for role in ("orchestrator", "worker", "translator")
        }
        connections = {
            slot.name: Connection(slot, environment, settings)
            for slot in fleet.in_profile(settings.profile)
        }
        try:
            yield cls(connections, roles)
        finally:
            for connection in connections.values():
                await connection.close()

    @contextlib.asynccontextmanager
    async def place(self, role: str) -> AsyncIterator[Connection]:
        """A place on the least busy slot of a role; waits while all of them are full."""
        candidates = [self._connections[name] for name in self._roles[role]]
        async with self._changed:
            await self._changed.wait_for(lambda: any(slot.free for slot in candidates))
            connection = max(candidates, key=lambda slot: slot.free / slot.slot.parallel)
            connection.free -= 1
        try:
            yield connection
        finally:
            async with self._changed:
                connection.free += 1
                self._changed.notify_all()
