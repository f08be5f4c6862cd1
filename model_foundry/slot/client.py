"""One attempt of one request on one slot: sent, limited in time and size, read, timed.

Belongs here: OpenAI's HTTP API as llama.cpp, vLLM and others serve it, the limits of an attempt,
the slot's health and capacity. Does not: whether to try again, and where (`dispatcher`).
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Final, NamedTuple, Self, cast
from urllib.parse import quote

import httpx2
import msgspec
import openai

from model_foundry.fleet.file import Runtime, Slot
from model_foundry.settings import Settings
from model_foundry.slot.answers import Completion, StreamedAnswer, whole_answer
from model_foundry.slot.errors import SlotError, error_object, kind_of_status
from model_foundry.slot.jobs import Job, Request

ERROR_MAX_CHARS: Final = 1_000
HEADER_MAX_CHARS: Final = 256
# Beside the requests in flight: the look at the slot's health.
SPARE_CONNECTIONS: Final = 2
_PATHS: Final = {"chat": "/chat/completions", "completion": "/completions"}


class SlotClient:
    """The connections to one slot. Close it, or use it as an async context manager.

    An attempt is one HTTP request: the openai client's own retries are off. Answers of servers
    that report no timings are streamed, so that the first token can be timed.
    """

    def __init__(self, slot: Slot, environment: Mapping[str, str], settings: Settings) -> None:
        self.slot = slot
        self._url = slot.url(environment)
        self._key = slot.key(environment)
        self._attempt_s = settings.inference_request_timeout_s
        self._probe_s = settings.connect_timeout_s
        # Whether vLLM reports timings depends on how it was started; its first answer tells.
        self._streams = slot.runtime == "openai"
        connections = slot.parallel + slot.queue_ahead + SPARE_CONNECTIONS
        http = httpx2.AsyncClient(
            transport=_LimitedTransport(
                httpx2.AsyncHTTPTransport(
                    # Certificates take 40 ms to load, and plain HTTP (redirects are off) has none.
                    verify=self._url.startswith("https:"),
                    limits=httpx2.Limits(
                        max_connections=connections, max_keepalive_connections=connections
                    ),
                ),
                settings.inference_response_max_bytes,
            ),
            timeout=httpx2.Timeout(self._attempt_s, connect=settings.connect_timeout_s),
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},
        )
        self._openai = openai.AsyncOpenAI(
            base_url=f"{self._url}/v1", api_key=self._key, max_retries=0, http_client=http
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; the slot notices and stops working on what is in flight."""
        await self._openai.close()

    async def count_tokens(self, request: Request) -> int | None:
        """How many tokens the request's prompt is; None: the server does not say."""
        return None

    async def ask(
        self, job: Job, request: Request | None = None, *, id_slot: int | None = None
    ) -> Completion:
        """Send the job's request once, or another one on its behalf (a repair turn).

        Raises:
            SlotError: whatever went wrong.
        """
        with self._slot_errors():
            async with asyncio.timeout(self._attempt_s):
                ask = self._streamed if self._streams else self._whole
                return await ask(job, request or job.request)

    async def capacity(self) -> int:
        """How many requests the slot works on at once: the fleet's figure, or the server's if less.

        Raises:
            SlotError: the slot does not answer, or is not ready.
        """
        async with self._looking():
            match self.slot.runtime:
                case "openai":
                    await self._get("/models")
                case "llama.cpp":
                    return min(self.slot.parallel, (await self._props()).total_slots)
            return self.slot.parallel

    async def served(self) -> "Served":
        """What the server says of itself.

        Raises:
            SlotError: the slot does not answer, is not ready, or answers something else.
        """
        async with self._looking():
            listed = msgspec.json.decode(await self._get("/models"), type=_Models).data
            models = tuple(model.id for model in listed)
            if self.slot.runtime != "llama.cpp":
                longest = [each.max_model_len for each in listed if each.id == self.slot.model]
                return Served(models, None, longest[0] if longest else None)
            props = await self._props()
            return Served(models, props.total_slots, props.default_generation_settings.n_ctx)

    @contextlib.asynccontextmanager
    async def _looking(self) -> AsyncIterator[None]:
        """A look at a slot that is ready, limited in time."""
        with self._slot_errors():
            async with asyncio.timeout(self._probe_s):
                if self.slot.runtime != "openai":  # has no /health
                    await self._get(f"{self._url}/health")
                yield

    async def _props(self) -> "_Props":
        return msgspec.json.decode(await self._get(f"{self._url}/props"), type=_Props)

    async def _get(self, path: str) -> bytes:
        response: httpx2.Response = await self._openai.get(path, cast_to=httpx2.Response)
        return response.content

    async def _whole(self, job: Job, request: Request) -> Completion:
        started = time.perf_counter()
        response = await self._openai.post(
            _PATHS[request.endpoint],
            cast_to=httpx2.Response,
            body=self._body(request),
            options={"headers": _headers(job)},
        )
        completion = whole_answer(response.content, _elapsed_ms(started))
        if self.slot.runtime == "vllm" and completion.timings.timing_source == "client":
            self._streams = True
        return completion

    async def _streamed(self, job: Job, request: Request) -> Completion:
        started = time.perf_counter()
        answer = StreamedAnswer()
        async with await self._openai.post(
            _PATHS[request.endpoint],
            cast_to=object,
            body=self._body(request) | {"stream": True, "stream_options": {"include_usage": True}},
            options={"headers": _headers(job)},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        ) as events:
            async for event in events:
                answer.add(event, _elapsed_ms(started))
        return answer.completion(_elapsed_ms(started))

    def _body(self, request: Request) -> dict[str, Any]:
        body = {"model": self.slot.model, **request.parameters()}
        if request.thinking is not None:
            if self.slot.runtime != "openai":
                body["chat_template_kwargs"] = {"enable_thinking": request.thinking}
            elif not request.thinking:
                body["reasoning_effort"] = "none"
        return body | _tools(request, self.slot.runtime)

    @contextlib.contextmanager
    def _slot_errors(self) -> Iterator[None]:
        """Whatever an attempt fails with becomes a SlotError: bounded, and without the key."""
        try:
            yield
        except (SlotError, TimeoutError, openai.OpenAIError, ValueError, RecursionError) as error:
            found = _slot_error(error)
            text = str(found)
            if self.slot.api_key is not None:
                text = text.replace(self._key, "***")
            raise SlotError(found.kind, text[:ERROR_MAX_CHARS], found.retry_after_s) from None


def _slot_error(error: Exception) -> SlotError:
    match error:
        case SlotError():
            return error
        case TimeoutError() | openai.APITimeoutError():
            return SlotError("timeout", "no whole answer within the time limit")
        case openai.APIStatusError():
            said = error.body.get("message") if isinstance(error.body, Mapping) else error.body
            return SlotError(
                kind_of_status(error.status_code),
                f"HTTP {error.status_code}: {said or error.message}",
                _retry_after_s(error.response.headers),
            )
        case openai.APIConnectionError():
            cause = error.__cause__ or error
            return SlotError("connection", str(cause) or type(cause).__name__)
        case openai.APIError():
            return error_object(error.body or error.message)
        case _:
            return SlotError("invalid_response", f"{type(error).__name__}: {error}")


class Served(NamedTuple):
    """What a server says of itself; None where its kind does not say."""

    models: tuple[str, ...]
    total_slots: int | None
    context_tokens: int | None


class _Model(msgspec.Struct):
    id: str
    max_model_len: int | None = None  # vLLM


class _Models(msgspec.Struct):
    data: list[_Model]


class _Generation(msgspec.Struct):
    n_ctx: int | None = None  # of one request


class _Props(msgspec.Struct):
    """What llama.cpp's server says of itself."""

    total_slots: Annotated[int, msgspec.Meta(ge=1)]
    default_generation_settings: _Generation = msgspec.field(default_factory=_Generation)


class _LimitedTransport(httpx2.AsyncBaseTransport):
    """Cuts a response off as soon as it is larger than the limit, error responses included."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise SlotError("invalid_response", "the answer is compressed, which was not asked for")
        stream = cast(httpx2.AsyncByteStream, response.stream)
        response.stream = _LimitedStream(stream, self._max_bytes)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _LimitedStream(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, max_bytes: int) -> None:
        self._inner = inner
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._inner:
            size += len(part)
            if size > self._max_bytes:
                raise SlotError("too_large", f"the answer is larger than {self._max_bytes} bytes")
            yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def _tools(request: Request, runtime: Runtime) -> dict[str, Any]:
    """The tools of a request body, as far as a runtime wants them otherwise than OpenAI does."""
    tools = [(_function(tool), tool) for tool in request.tools or ()]
    if runtime == "vllm" and tools:
        # Unless `strict` is set, it takes any JSON for a call's arguments.
        strict = [{**tool, "function": {"strict": True, **function}} for function, tool in tools]
        return {"tools": strict}
    if runtime == "llama.cpp" and isinstance(request.tool_choice, Mapping):
        # It does not know a tool by name: the one that must be called is the only one.
        chosen = _function(request.tool_choice).get("name")
        if only := [tool for function, tool in tools if function.get("name") == chosen]:
            return {"tools": only, "tool_choice": "required"}
    return {}


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    return function if isinstance(function, Mapping) else {}


def _headers(job: Job) -> dict[str, str]:
    headers = {"X-Request-Id": job.job_id}
    if job.correlation_id is not None:
        headers["X-Correlation-Id"] = quote(job.correlation_id, safe="!#$&'()*+,/:;=?@[]~ ")[
            :HEADER_MAX_CHARS
        ]
    return headers


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a number or from a date."""
    value = headers.get("Retry-After", "").strip()
    try:
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", value):
            return float(value)
        wait_s = (parsedate_to_datetime(value).astimezone(UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return max(0.0, wait_s)


def _elapsed_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000
