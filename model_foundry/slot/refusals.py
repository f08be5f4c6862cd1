"""What an HTTP answer that is no success says: the kind of error, by status and by words. Pure.

Belongs here: error bodies of every server in one form, and the words that they use. Does not: what
follows from a kind (`dispatch`), bodies of successes (`answers`).
"""

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from model_foundry.slot.errors import ErrorKind, SlotError, kind_of_status
from model_foundry.slot.waits import retry_after_s, told_wait_s

# Of an error's body: the rest is not read.
BODY_MAX_BYTES: Final = 64 * 1024
TEXT_MAX_CHARS: Final = 1_000
_READ_CHARS: Final = 8_000
_KEY_MAX_CHARS: Final = 4_096

_TOO_LONG: Final = re.compile(
    r"exceed_context_size_error|context_length_exceeded|string_above_max_length"
    r"|(maximum|max|available|model'?s?) (model |input )?context (length|size|window)"
    r"|(exceed\w*|longer than|larger than|greater than|fit (in|into|within)|over\w*|beyond) "
    r"(the |its |this |model'?s? )*(available |maximum |max\.? |allowed )*(model )?"
    r"(context|max_model_len|max_seq_len|model length|input length|prompt length)"
    r"|context (length|size|window)\b.{0,40}\b(exceed|overflow|too (small|long))"
    r"|context the overflows|loaded with context length"
    r"|(prompt|input|inputs|messages|request|conversation) (is|are) too (long|large)"
    r"|too many (input |prompt )?tokens|max_(seq_len|model_len|num_tokens|input_len)"
    r"|reduce (the )?(length|your prompt)|maximum number of (input )?tokens"
    r"|max(imum)? (prompt|input) length|contextwindowexceeded|input length should be"
    r"|exceed\w* (the |its |model |max\w* )*(token limit|message tokens|session_len|cache size)"
    r"|exceeds? the (configured )?limit of \d+ tokens"
    r"|`?inputs`? (must have less than|tokens \+ `?max_new_tokens`? must be <=) \d"
)
_LOADING: Final = re.compile(
    r"loading (the )?model"
    r"|model\b.{0,120}\b(is|still) (still |currently |now )?(being loaded|loading)"
    r"|\b(is|still|currently) (starting|loading|warming)\b|warming up|not (yet )?(been )?loaded yet"
)
_KEY: Final = re.compile(
    r"(invalid|incorrect|wrong|missing|no) api[ _-]?key|api[ _-]?key\b.{0,20}\b(not valid|invalid)"
    r"|invalid_api_key|authentication_error"
)
_NONE_LOADED: Final = re.compile(r"\bno models? (is |are )?(currently )?loaded|load a model first")
# The model's own failure, which the server found: the next answer may fit.
_UNFIT_ANSWER: Final = re.compile(r"json_validate_failed|tool_use_failed|failed_generation")
_NO_MODEL: Final = re.compile(
    r"model_not_found|(no such|unknown|could not find|cannot find) (\w+ )?model\b"
    r"|\bmodel\b.{0,200}\b(not found|does not exist|doesn't exist|no longer available)"
)
# Of this request, where the status speaks of the endpoint or of the server: no provider behind a
# router takes its parameters, a filter has found something in it, a template cannot hold it.
_OF_THE_REQUEST: Final = re.compile(
    r"no (allowed |available )?(endpoints?|providers?) (\w+ ){0,4}(support|can handle|match)"
    r"|(input|prompt|content|request) (was |is |has been )?(flagged|blocked|moderated)"
    r"|content (management )?(policy|filter)|moderation"
    r"|violates? (our |the )?\w+ (guidelines|polic)"
    r"|(image|audio|video|multimodal|tools?)( input| use)?s? (is|are) not supported"
    r"|does not support (image|audio|video|multimodal|vision|tool)"
    r"|\bjinja\b|roles must alternate|failed to (apply|render) (the )?(chat |prompt )?template"
)
# Of what is busy, as wrappers say it with a status of their own, and streams with none.
_BUSY: Final = re.compile(
    r"rate[ _-]?limit|too many (concurrent )?requests|(high|too much) concurrency|throttl"
    r"|resource_exhausted|速率限制|并发数过高|访问量过大"
)
_OVERLOADED: Final = re.compile(
    r"\boverloaded|(at|over|exceeds?) capacity|(server|service) is (too )?busy"
    r"|(service|provider|model) (is )?(temporarily |currently )?unavailable|provider_unavailable"
)
_CRASHED: Final = re.compile(r"\bmodel\b.{0,60}\b(crashed|unloaded)\b|failed to load (the )?model")
# Words that say more than the status does; the first that fits.
_BY_WORDS: Final[Sequence[tuple[frozenset[int], re.Pattern[str], ErrorKind]]] = (
    (frozenset({425, 500, 502, 503, 504}), _LOADING, "loading"),
    (frozenset({429}), re.compile("insufficient_quota"), "forbidden"),
    (frozenset({400, 409, 413, 422, 500}), _TOO_LONG, "too_long"),
    (frozenset({400, 403}), _KEY, "unauthorized"),
    (frozenset({403, 500}), _BUSY, "rate_limited"),
    (frozenset({500}), _OVERLOADED, "unavailable"),
    (frozenset({403, 404, 500, 501}), _OF_THE_REQUEST, "bad_request"),
    (frozenset({400, 404}), _CRASHED, "server_error"),
    (frozenset({400}), _UNFIT_ANSWER, "invalid_response"),
    (frozenset({400, 500}), _NONE_LOADED, "not_found"),
    (frozenset({400}), _NO_MODEL, "not_found"),
)

_INSIDE: Final[Sequence[tuple[re.Pattern[str], ErrorKind]]] = (
    (_BUSY, "rate_limited"),
    (_OVERLOADED, "unavailable"),
    (_OF_THE_REQUEST, "bad_request"),
)

_ESCAPES: Final = re.compile(
    # Sequences of terminals whole (CSI, OSC, two characters), then whatever else controls one.
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]"
    r"|[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_TAGS: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)


Mask = Callable[[str], str]


class Said(NamedTuple):
    """A server's words of an error: `text` is to be read, `names` are its types, codes, fields.

    `body` is the whole, as it came.
    """

    text: str
    names: str
    body: str = ""

    @property
    def words(self) -> str:
        """What decides of what kind it is: lower case, bounded."""
        return f"{self.names[:_READ_CHARS]} {self.text[:_READ_CHARS]}".lower()


def failure(status: int, headers: Mapping[str, str], said: Said, mask: Mask = str) -> SlotError:
    """The error that an HTTP answer stands for; its text is `plain`."""
    kind = _kind(status, said.words)
    text = said.text or _phrase(status)
    no_room = kind in {"rate_limited", "unavailable"}
    wait_s = told_wait_s(headers, said.body) if no_room else retry_after_s(headers)
    return SlotError(kind, plain(f"HTTP {status}: {text}", mask), wait_s)


def by_words(error: SlotError) -> ErrorKind:
    """The kind of an error that came inside a success: its words know more than its code."""
    words = str(error).lower()
    if error.kind in {"server_error", "bad_request", "unavailable"}:
        if _TOO_LONG.search(words):
            return "too_long"
        if error.kind != "bad_request" and _LOADING.search(words):
            return "loading"
    if error.kind == "server_error":
        for pattern, kind in _INSIDE:
            if pattern.search(words):
                return kind
    return error.kind


def plain(text: str, mask: Mask = str) -> str:
    """A server's text for logs and rows: one line, bounded, without what controls a terminal.

    Args:
        text: as the server wrote it.
        mask: what takes a key out of it, before anything is cut.
    """
    return mask(" ".join(_ESCAPES.sub("", text).split()))[:TEXT_MAX_CHARS]


def _kind(status: int, words: str) -> ErrorKind:
    for statuses, pattern, kind in _BY_WORDS:
        if status in statuses and pattern.search(words):
            return kind
    return kind_of_status(status)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def said_in(body: bytes, mask: Mask = str) -> Said:
    """What a body of whatever shape says of an error; one that was cut off may end in a key."""
    text = mask(_ESCAPES.sub("", body[:BODY_MAX_BYTES].decode("utf-8", "replace")))
    if len(body) >= BODY_MAX_BYTES:
        text = text[:-_KEY_MAX_CHARS]
    text = text.strip().removeprefix("data:").strip()
    try:
        value = json.loads(text)
        texts, names = _texts(value), _names(value)
        return Said("; ".join(dict.fromkeys(filter(None, texts))), " ".join(names), text)
    except (ValueError, RecursionError):
        return Said(_of_html(text[:_READ_CHARS]) if text.startswith("<") else text, "", text)


def _texts(value: object) -> list[str]:
    """The messages of OpenAI's error object, FastAPI's `detail`, and what resembles them."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence):
        return [text for item in value[:8] for text in _texts(item)]
    if not isinstance(value, Mapping):
        return []
    if isinstance(message := value.get("msg"), str):
        where = value.get("loc")
        parts = [str(part) for part in where] if isinstance(where, list) else []
        return [f"{'.'.join(parts)}: {message}" if parts else message]
    for name in ("error", "detail", "message", "errors", "error_message", "title", "reason"):
        if found := _texts(value.get(name)):
            return found
    return []


def _names(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name in ("type", "code", "param", "status"):
            if isinstance(found := value.get(name), str):
                yield found
        for name in ("error", "detail"):
            yield from _names(value.get(name))
    elif isinstance(value, list):
        for item in value[:8]:
            yield from _names(item)


def _of_html(text: str) -> str:
    title = _TITLE.search(text)
    return html.unescape(title[1] if title else _TAGS.sub(" ", text)).strip()
