"""Every behaviour of the corpus is read as its file says, however its bytes are cut."""

import json
from collections.abc import Iterable

import pytest

from model_foundry.slot.answers import RAW_MAX_BYTES, Completion, Reading
from model_foundry.slot.errors import SlotError
from model_foundry.slot.jobs import Endpoint
from model_foundry_tests.quirks import PAGE, UNNAMED, Quirk, quirks, shown, table

QUIRKS = [pytest.param(quirk, id=name) for name, quirk in quirks().items()]
STREAMS = [pytest.param(q, id=name) for name, q in quirks().items() if q.events is not None]
# Without choices a document is none, and a stream is an empty one.
DOCUMENTS = [
    pytest.param(q, id=name)
    for name, q in quirks().items()
    if q.body is not None and q.error != "invalid_response"
]


def read(
    pieces: Iterable[bytes], endpoint: Endpoint = "chat", *, tools: bool = False
) -> Completion:
    """Each piece comes a millisecond after the other."""
    reading = Reading(endpoint, tools=tools)
    for number, piece in enumerate(pieces, 1):
        reading.feed(piece, float(number))
    return reading.completion(100.0)


def check(quirk: Quirk, pieces: list[bytes]) -> None:
    """What the pieces are read as is what the file says."""
    if quirk.error is not None:
        with pytest.raises(SlotError) as caught:
            read(pieces, quirk.endpoint, tools=quirk.tools)
        assert caught.value.kind == quirk.error
        return
    assert quirk.answer is not None
    completion = read(pieces, quirk.endpoint, tools=quirk.tools)
    assert shown(completion) == UNNAMED | quirk.answer
    assert completion.raw == b"".join(pieces).decode("utf-8", "replace")


def test_there_are_as_many_as_promised() -> None:
    assert len(quirks()) >= 60
    for name, quirk in quirks().items():
        given = [field is not None for field in (quirk.events, quirk.body, quirk.sent)]
        assert (sum(given), quirk.answer is None) == (1, quirk.error is not None), name
        assert "#" in quirk.report, name


@pytest.mark.parametrize("quirk", QUIRKS)
def test_a_behaviour_is_read_as_its_file_says(quirk: Quirk) -> None:
    check(quirk, quirk.pieces())


@pytest.mark.parametrize("quirk", QUIRKS)
def test_however_its_bytes_are_cut(quirk: Quirk) -> None:
    body = b"".join(quirk.pieces())
    check(quirk, [body])
    check(quirk, [body[at : at + 1] for at in range(len(body))])


@pytest.mark.parametrize("quirk", DOCUMENTS)
def test_a_document_is_read_as_one_event_too(quirk: Quirk) -> None:
    check(quirk, quirk.as_stream())


@pytest.mark.parametrize("end", ["\r\n", "\r"])
@pytest.mark.parametrize("quirk", STREAMS)
def test_events_may_end_otherwise(quirk: Quirk, end: str) -> None:
    check(quirk, [piece.replace(b"\n", end.encode()) for piece in quirk.pieces()])


def test_the_page_says_what_becomes_of_each() -> None:
    """`python -m model_foundry_tests.quirks` writes it."""
    assert PAGE.read_text(encoding="utf-8").endswith(table())


EVENT = b'data: {"choices": [{"delta": {"content": "%d "}}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"score": 3}, '{"score": 3}'),
        ({"text": "a", "score": 3}, '{"text": "a", "score": 3}'),
        ({"text": "a"}, "a"),
        ({"type": "text", "text": {"value": "a"}}, "a"),
        (["a", {"type": "output_text", "text": "b"}, None], "ab"),
        (0, "0"),
        ({}, ""),
    ],
)
def test_content_that_is_no_text_is_read_or_kept_as_json(content: object, text: str) -> None:
    usage = {"completion_tokens": 1}  # without it, nothing at all would be no answer
    document = {"choices": [{"message": {"content": content}}], "usage": usage}
    assert read([json.dumps(document).encode()]).text == text


@pytest.mark.parametrize(
    "text",
    [
        "The tag `</think>` ends it.",
        'Write "</think>" there.',
        "```\na</think>b\n```",
        "<b>bold</b> and [a link](x)",
        '["</think>"]',
    ],
)
def test_marks_that_an_answer_speaks_of_stay(text: str) -> None:
    document = {"choices": [{"message": {"content": text}}]}
    completion = read([json.dumps(document).encode()])
    assert (completion.text, completion.reasoning) == (text, None)


USAGE = b'data: {"usage": {"prompt_tokens": 4, "completion_tokens": 3}}\n\n'
USAGE_OF_4 = b'data: {"usage": {"prompt_tokens": 4, "completion_tokens": 4}}\n\n'
USAGE_OF_3_AND_THOUGHTS = (
    b'data: {"usage": {"prompt_tokens": 4, "completion_tokens": 103,'
    b' "completion_tokens_details": {"reasoning_tokens": 100}}}\n\n'
)


def test_an_answer_is_timed_from_its_first_token_to_its_last() -> None:
    timings = read([b": wait\n\n", EVENT % 1, EVENT % 2, EVENT % 3, USAGE, DONE]).timings
    assert timings.ttft_ms == 2
    assert timings.tg_tokens_per_s == 1000  # two tokens in the two milliseconds after the first
    assert timings.pp_tokens_per_s == 2000


def test_an_answer_in_one_piece_has_no_speed_of_generation() -> None:
    timings = read([EVENT % 1 + EVENT % 2 + EVENT % 3, USAGE, DONE]).timings
    assert timings.ttft_ms == 1
    assert timings.tg_tokens_per_s is None


def test_what_a_proxy_collected_before_the_first_token_counts_for_no_speed() -> None:
    timings = read([EVENT % 1 + EVENT % 2, EVENT % 3, EVENT % 4, USAGE_OF_4, DONE]).timings
    assert timings.tg_tokens_per_s == 1000  # two tokens in the two milliseconds after two


def test_reasoning_that_nobody_sent_was_written_before_the_first_token() -> None:
    events = [EVENT % 1, EVENT % 2, EVENT % 3, USAGE_OF_3_AND_THOUGHTS, DONE]
    timings = read(events).timings
    assert timings.output_tokens == 103
    assert timings.tg_tokens_per_s == 1000
    assert (timings.ttft_ms, timings.pp_tokens_per_s) == (1, None)
    thought = b'data: {"choices": [{"delta": {"reasoning": "Hm."}}]}\n\n'
    assert read([thought, *events]).timings.tg_tokens_per_s == pytest.approx(102 / 3 * 1000)


def test_a_model_that_was_loaded_first_is_not_timed_by_us() -> None:
    banner = b'data: {"choices": [{"delta": {"reasoning_content": "%s"}}]}\n\n' % (
        "━━━━━\\nllama-swap loading model: x\\n...\\nDone! (1.00s)\\n━━━━━\\n \\n".encode()
    )
    completion = read([banner, EVENT % 1, EVENT % 2, USAGE, DONE])
    assert (completion.text, completion.reasoning) == ("1 2 ", None)
    assert (completion.timings.ttft_ms, completion.timings.tg_tokens_per_s) == (None, None)


def test_a_document_has_no_first_token() -> None:
    reading = Reading("chat")
    reading.feed(b'{"choices": [{"message": {"content": "Hi"}}]}\n', 5.0)
    assert reading.first_token_ms is None
    assert reading.completion(6.0).text == "Hi"


def test_of_a_long_answer_head_and_tail_are_kept() -> None:
    completion = read([EVENT % number for number in range(5_000)] + [DONE])
    assert completion.raw is not None
    assert completion.text.endswith("4999 ")
    assert len(completion.raw) < RAW_MAX_BYTES + 100
    assert completion.raw.startswith((EVENT % 0).decode())
    assert completion.raw.endswith((EVENT % 4999 + DONE).decode())
    left_out = len(b"".join(EVENT % number for number in range(5_000)) + DONE) - RAW_MAX_BYTES
    assert f"… {left_out} bytes …" in completion.raw


def test_what_is_quoted_of_an_answer_is_short() -> None:
    for body in (b"<html>" + b"x " * 10_000, b'{"error": "' + b"y" * 10_000 + b'"}', b"{" * 10_000):
        with pytest.raises(SlotError) as caught:
            read([body])
        assert len(str(caught.value)) < 10_000


@pytest.mark.parametrize("after", [b'data: {"error": {"code": 500}}\n\n', b"data: {broken\n\n"])
def test_what_goes_wrong_after_the_end_costs_no_answer(after: bytes) -> None:
    end = b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    assert read([EVENT % 1, end, after, DONE]).text == "1 "
    with pytest.raises(SlotError):
        read([EVENT % 1, after, end, DONE])
