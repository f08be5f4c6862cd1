"""Any bytes and any JSON in the place of a slot's answer, made of the corpus `slot_answers`."""

from hypothesis import strategies as st

from model_foundry_tests.anything import altered, any_json, places
from model_foundry_tests.quirks import quirks

BODIES = [b"".join(quirk.pieces()) for quirk in quirks().values()]
DOCUMENTS = [
    document
    for quirk in quirks().values()
    for document in (quirk.body, *(quirk.events or ()))
    if isinstance(document, dict)
]
# An answer may say that there is no room, or that a model is loaded, for as long as it is asked.
IMPATIENT = {"inference_wait_s": 1.0, "inference_loading_s": 1.0}
NO_ROOM = b"".join(quirks()["error-concurrency"].pieces())
NAMES = tuple(
    sorted({str(key) for known in DOCUMENTS for path in places(known) for key in path} - {"0", "1"})
)
FRAGMENTS = [
    *(b"data:", b"data: ", b"\n", b"\n\n", b"\r", b"\r\n", b"event: error\n", b"event:", b": x\n"),
    *(b"[DONE]", b"data: [DONE]\n\n", b"id: 1\n", b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\xbd", b"\0"),
    *(b"{", b"}", b"[", b'"', b"null", b"NaN", b"1e999", b'{"choices":[{"delta":{"content":"'),
    *(b'"}}]}', b"\\ud83d", b"\\", b"<think>", b"</think>", b"<|channel|>", b"<|message|>"),
    *(b"<tool_call>", b"</tool_call>", b"[TOOL_CALLS]", b"[ARGS]"),
]


def mutated(body: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Some bytes of it replaced by others."""
    for chance, length, other in changes:
        begin = chance % (len(body) + 1)
        body = body[:begin] + other + body[begin + length :]
    return body


PARTS = st.binary(max_size=20) | st.sampled_from(FRAGMENTS)
CHANGES = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 30), PARTS), max_size=4)
ANY_BYTES = st.lists(PARTS, max_size=30).map(b"".join) | st.builds(
    mutated, st.sampled_from(BODIES), CHANGES
)
ANY_JSON = any_json(NAMES)
ANY_DOCUMENT = (
    ANY_JSON
    | st.dictionaries(st.sampled_from(NAMES), ANY_JSON, max_size=8)
    | st.builds(
        altered,
        st.sampled_from(DOCUMENTS),
        st.lists(st.tuples(st.integers(0, 2**32), ANY_JSON), min_size=1, max_size=3),
    )
)
