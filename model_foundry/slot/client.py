"""One slot, asked: a request sent and its answer read, and what the server says of itself.

Belongs here: OpenAI's HTTP API as llama.cpp, vLLM and others serve it, the slot's health, capacity
and tokenizer. Does not: bytes and time (`exchange`), the body's words (`body`), what a refusal says
(`refusals`), whether to try again, and where (`dispatch`).
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, NamedTuple, Self, TypeVar, cast
from urllib.parse import quote

import msgspec

from model_foundry.fleet.file import Slot
from model_foundry.masking import ANSWER_KEY_MIN_CHARS, mask_of
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion, Reading
from model_foundry.slot.body import Habits, body_of
from model_foundry.slot.errors import SlotError
from model_foundry.slot.exchange import Exchanges, Refused
from model_foundry.slot.jobs import Job, Request
from model_foundry.slot.limits import Limits, limits_of
from model_foundry.slot.refusals import Mask, by_words, failure, plain, said_in

HEADER_MAX_CHARS: Final = 256
# Beside the requests in flight: looks at the slot, and its tokenizer.
SPARE_CONNECTIONS: Final = 4
_PATHS: Final = {"chat": "/chat/completions", "completion": "/completions"}
_AWAY: Final = frozenset({502, 503, 504})
_NOT_THERE: Final = frozenset({404, 405, 501})
# Of which `capacity` consists at most.
_LOOKS: Final = 3
T = TypeVar("T")

MODEL_MAX_CHARS: Final = 500
log = logging.getLogger(__name__)


class Served(NamedTuple):
    """What a server says of itself; None, or no models, where it does not say."""

    models: tuple[str, ...]
    total_slots: int | None
    context_tokens: int | None


class SlotClient:
    """The connections to one slot. Close it, or use it as an async context manager.

    Every request is streamed, so that silence can be told from work. What the server refuses of
    its parameters (`body.Habits`) is left out from then on.
    """

    def __init__(self, slot: Slot, environment: Mapping[str, str], settings: Settings) -> None:
        self.slot = slot
        self._root, self._api = slot.address(environment)
        key = slot.key(environment)
        self._mask = mask_of(key)
        self._key_is_long = key is not None and len(key) >= ANSWER_KEY_MIN_CHARS
        self._settings = settings
        self._habits = Habits.declared(slot)
        self._counts_tokens = slot.runtime != "openai"
        self._exchanges = Exchanges(
            at_once=slot.parallel + slot.queue_ahead + SPARE_CONNECTIONS,
            connect_s=settings.connect_timeout_s,
            max_bytes=settings.inference_response_max_bytes,
            headers={} if key is None else {"Authorization": f"Bearer {key}"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the slot notices and stops working on what is in flight."""
        await self._exchanges.close()

    # Requests.

    async def ask(self, job: Job, request: Request | None = None) -> Completion:
        """Send the job's request once, or another one on its behalf (a repair turn).

        Raises:
            SlotError: whatever went wrong.
        """
        request = request or job.request
        habits = self._habits
        with self._slot_errors():
            while True:
                body = body_of(self.slot, habits, request)
                answer = await self._send(job, request, body)
                if isinstance(answer, Completion):
                    self._learn(habits)
                    return answer
                said = said_in(answer.body, self._mask)
                learnt = habits.after(answer.status, said, body)
                if learnt is None:
                    raise failure(answer.status, answer.headers, said, self._mask)
                habits = learnt

    async def _send(
        self, job: Job, request: Request, body: Mapping[str, Any]
    ) -> Completion | Refused:
        content = _encoded(body)
        reading = Reading(request.endpoint, tools=bool(request.tools))

        def take(data: bytes, elapsed_ms: float) -> float | None:
            reading.feed(data, elapsed_ms)
            return reading.rest_s

        started = time.perf_counter()
        try:
            refused = await self._exchanges.exchange(
                self._api + _PATHS[request.endpoint],
                body=content,
                headers=_headers(job),
                limits=limits_of(self.slot, request, len(content), self._settings),
                take=take,
            )
        except SlotError:
            # The end may have come, and only the connection's has not: `Content-Length` may be
            # wrong, or missing, and so may what ends a chunk.
            if reading.failed:
                raise
            with contextlib.suppress(SlotError, ValueError):
                return self._kept(reading.completion(reading.came_ms))
            raise
        if refused is not None:
            return refused
        return self._kept(reading.completion(_elapsed_ms(started)))

    def _learn(self, habits: Habits) -> None:
        if habits == self._habits:
            return
        learnt = self._habits.beside(habits)
        if learnt != self._habits:
            log.warning(
                "slot %s refuses parameters; from now on it gets stream_options: %s, omit: %s, "
                "rename: %s. Say so in the fleet file",
                self.slot.name,
                "true" if learnt.stream_options else "false",
                sorted(learnt.omit),
                dict(learnt.rename),
            )
        self._habits = learnt

    def _kept(self, completion: Completion) -> Completion:
        """Without the key, and then without what nobody names a model."""
        completion = self._without_key(completion)
        model = completion.response_model
        if model is None or len(model) <= MODEL_MAX_CHARS:
            return completion
        return msgspec.structs.replace(completion, response_model=model[:MODEL_MAX_CHARS])

    def _without_key(self, completion: Completion) -> Completion:
        """A server that tells its requests' headers tells them in answers too."""
        if not self._key_is_long:
            return completion
        texts = {
            name: _masked(value, self._mask)
            for name in completion.__struct_fields__
            if isinstance(value := getattr(completion, name), str | list)
        }
        return msgspec.structs.replace(completion, **texts)

    # Looks: each has a part of their time, and any answer over HTTP is a sign of life.

    async def capacity(self) -> int:
        """How many requests the slot works on at once: the fleet's figure, or the server's if less.

        Raises:
            SlotError: nothing answers there, or the server says that it is not ready.
        """
        with self._slot_errors():
            await self._live()
            props = await self._props(self._look_s)
        if props is None or props.total_slots is None:
            return self.slot.parallel
        return min(self.slot.parallel, props.total_slots)

    async def served(self) -> Served:
        """What the server says of itself.

        Raises:
            SlotError: nothing answers there, it is not ready, or it does not take the key.
        """
        with self._slot_errors():
            await self._live()
            listed = await self._models()
            props = await self._props(self._settings.inference_look_s)
        models = tuple(model.id for model in listed)
        if props is not None:
            return Served(models, props.total_slots, props.default_generation_settings.n_ctx)
        longest = [model.max_model_len for model in listed if model.id == self.slot.model]
        return Served(models, None, longest[0] if longest else None)

    async def _live(self) -> None:
        """Return if the server is ready as far as it says; a path it does not know says nothing."""
        health, models = f"{self._root}/health", f"{self._api}/models"
        looks = (models, f"{self._root}/") if self.slot.runtime == "openai" else (health, models)
        trouble: SlotError | None = None
        for url in looks:
            try:
                answer = await self._get(url, self._look_s)
            except SlotError as error:
                trouble = error
                continue
            if isinstance(answer, Refused):
                said = self._failure(answer)
                if said.kind == "loading" or answer.status in _AWAY:
                    raise said
            return
        if trouble is not None:
            raise trouble

    async def _models(self) -> list["_Model"]:
        """The models that the server lists; none where it lists none, or takes too long."""
        try:
            answer = await self._get(f"{self._api}/models", self._settings.inference_look_s)
        except SlotError:
            return []
        if isinstance(answer, Refused):
            error = self._failure(answer)
            if error.kind in {"unauthorized", "forbidden"}:
                raise error
            return []
        with contextlib.suppress(ValueError, RecursionError):
            return msgspec.json.decode(answer, type=_Models).data or []
        return []

    async def _props(self, within_s: float) -> "_Props | None":
        if self.slot.runtime != "llama.cpp":
            return None
        with contextlib.suppress(SlotError, ValueError, RecursionError):
            answer = await self._get(f"{self._root}/props", within_s)
            if not isinstance(answer, Refused):
                return msgspec.json.decode(answer, type=_Props)
        return None

    # The tokenizer.

    async def count_tokens(self, request: Request) -> int | None:
        """The tokens of a request's prompt, by the server's own tokenizer and chat template.

        None where it has none (runtime `openai`), or none that answers within `inference_look_s`:
        such a one is not asked again.
        """
        if not self._counts_tokens:
            return None
        body = body_of(self.slot, self._habits, request)
        with contextlib.suppress(SlotError, ValueError, RecursionError, TypeError):
            if self.slot.runtime == "vllm":
                return (await self._told("/tokenize", _tokenizable(body), _Counted)).count
            prompt = request.prompt
            if request.endpoint == "chat":
                prompt = (await self._told("/apply-template", body, _Templated)).prompt
            content = {"content": prompt, "add_special": True, "parse_special": True}
            return len((await self._told("/tokenize", content, _Tokenized)).tokens)
        return None

    async def _told(self, path: str, body: Mapping[str, Any], form: type[T]) -> T:
        try:
            answer = await self._get(self._root + path, self._settings.inference_look_s, body)
        except SlotError as error:
            self._counts_tokens = error.kind != "timeout"
            raise
        if isinstance(answer, Refused):
            self._counts_tokens = answer.status not in _NOT_THERE
            raise self._failure(answer)
        return msgspec.json.decode(answer, type=form)

    # What they share.

    @property
    def _look_s(self) -> float:
        return self._settings.inference_look_s / _LOOKS

    async def _get(
        self, url: str, within_s: float, body: Mapping[str, Any] | None = None
    ) -> bytes | Refused:
        parts: list[bytes] = []

        def take(data: bytes, _: float) -> None:
            parts.append(data)

        refused = await self._exchanges.exchange(
            url,
            body=None if body is None else _encoded(body),
            limits=Limits(within_s, within_s, within_s),
            take=take,
        )
        return b"".join(parts) if refused is None else refused

    def _failure(self, refused: Refused) -> SlotError:
        said = said_in(refused.body, self._mask)
        return failure(refused.status, refused.headers, said, self._mask)

    @contextlib.contextmanager
    def _slot_errors(self) -> Iterator[None]:
        """Whatever an attempt fails with becomes a SlotError: bounded, and without the key."""
        try:
            yield
        except SlotError as error:
            text = plain(str(error), self._mask)
            raise SlotError(by_words(error), text, error.retry_after_s) from None
        except (ValueError, RecursionError) as error:
            text = plain(f"{type(error).__name__}: {error}", self._mask)
            raise SlotError("invalid_response", text) from None


class _Model(msgspec.Struct):
    id: str
    max_model_len: int | None = None  # vLLM


class _Models(msgspec.Struct):
    data: list[_Model] | None = None


class _Generation(msgspec.Struct):
    n_ctx: int | None = None  # of one request


class _Props(msgspec.Struct):
    """What llama.cpp's server says of itself."""

    total_slots: Annotated[int, msgspec.Meta(ge=1)] | None = None
    default_generation_settings: _Generation = msgspec.field(default_factory=_Generation)


class _Templated(msgspec.Struct):
    prompt: str


class _Tokenized(msgspec.Struct):
    tokens: list[Any]


class _Counted(msgspec.Struct):
    count: int


def _tokenizable(body: Mapping[str, Any]) -> dict[str, Any]:
    """What vLLM's `/tokenize` reads of a request."""
    names = ("model", "messages", "prompt", "tools", "chat_template_kwargs")
    return {name: body[name] for name in names if name in body}


def _encoded(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        detail = f"the request is no JSON: {type(error).__name__}"
        raise SlotError("bad_request", detail) from None


def _headers(job: Job) -> dict[str, str]:
    """A server may refuse an id that it has seen: each attempt has its own."""
    headers = {"X-Request-Id": f"{job.job_id}-{os.urandom(4).hex()}", "X-Job-Id": job.job_id}
    if job.correlation_id is not None:
        headers["X-Correlation-Id"] = quote(job.correlation_id, safe="!#$&'()*+,/:;=?@[]~ ")[
            :HEADER_MAX_CHARS
        ].strip()
    return headers


def _masked(value: T, mask: Mask) -> T:
    if isinstance(value, str):
        return cast(T, mask(value))
    if isinstance(value, Mapping):
        return cast(T, {mask(key): _masked(item, mask) for key, item in value.items()})
    if isinstance(value, list):
        return cast(T, [_masked(item, mask) for item in value])
    return value


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
