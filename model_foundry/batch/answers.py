"""The lines that a batch file's lines become, as OpenAI writes them: answers and errors. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from model_foundry.slot.jobs import Endpoint

Row = Mapping[str, Any]
_ID_CHARS: Final = 32
# A reader of OpenAI's takes no other word.
_COMPLETION_REASONS: Final = frozenset({"stop", "length", "content_filter"})
_CHAT_REASONS: Final = _COMPLETION_REASONS | {"tool_calls", "function_call"}


def answer_line(custom_id: str, endpoint: Endpoint, row: Row) -> bytes:
    """A line of the answers, from a row of `inference_result` that holds an answer."""
    body = _chat(row) if endpoint == "chat" else _completion(row)
    response = {"status_code": 200, "request_id": row["job_id"], "body": body}
    line = {"id": f"batch_req_{_id(row)}", "custom_id": custom_id, "response": response}
    return msgspec.json.encode({**line, "error": None}) + b"\n"


def error_line(line_id: str, custom_id: str | None, code: str, message: str) -> bytes:
    """A line of the errors: of a line that was refused, or that got no answer."""
    error = {"code": code, "message": message}
    line = {"id": f"batch_req_{line_id[:_ID_CHARS]}", "custom_id": custom_id, "response": None}
    return msgspec.json.encode({**line, "error": error}) + b"\n"


def _id(row: Row) -> str:
    return str(row["job_id"])[:_ID_CHARS]


def _chat(row: Row) -> dict[str, Any]:
    calls = _tool_calls(row)
    text = row["response_text"] or ""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not text else text,
        "refusal": None,
    }
    if calls:
        message["tool_calls"] = calls
    if row["reasoning_text"]:
        message["reasoning_content"] = row["reasoning_text"]
    reason = row["finish_reason"]
    if reason not in _CHAT_REASONS:
        reason = "tool_calls" if calls else "stop"
    return {
        "id": f"chatcmpl-{_id(row)}",
        "object": "chat.completion",
        **_about(row),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": _usage(row),
    }


def _completion(row: Row) -> dict[str, Any]:
    reason = row["finish_reason"]
    choice = {
        "index": 0,
        "text": row["response_text"] or "",
        "logprobs": None,
        "finish_reason": reason if reason in _COMPLETION_REASONS else "stop",
    }
    return {
        "id": f"cmpl-{_id(row)}",
        "object": "text_completion",
        **_about(row),
        "choices": [choice],
        "usage": _usage(row),
    }


def _about(row: Row) -> dict[str, Any]:
    return {
        "created": int(row["completed_at"].timestamp()),
        "model": row["response_model"] or row["request_model"],
    }


def _usage(row: Row) -> dict[str, Any] | None:
    """None where the server did not count."""
    read, written = row["input_tokens"], row["output_tokens"]
    if read is None or written is None:
        return None
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if row["cached_tokens"] is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": row["cached_tokens"]}
    return usage


def _tool_calls(row: Row) -> list[dict[str, Any]]:
    calls: Sequence[Mapping[str, Any]] = row["tool_calls"] or ()
    return [
        {
            # Some servers give none, and a reader wants to answer each by its id.
            "id": call.get("id") or f"call_{_id(row)[:16]}_{number}",
            "type": "function",
            "function": {name: call["function"].get(name) or "" for name in ("name", "arguments")},
        }
        for number, call in enumerate(calls)
    ]
