"""What servers' errors are taken for: by status, and by their own words."""

import json
import time
from urllib.parse import quote

import pytest

from model_foundry.masking import MASK, mask_of
from model_foundry.slot.errors import SlotError
from model_foundry.slot.refusals import BODY_MAX_BYTES, by_words, failure, plain, said_in


def openai_error(message: str, **fields: object) -> str:
    return json.dumps({"error": {"message": message, **fields}})


def read(status: int, body: str | bytes) -> SlotError:
    return failure(status, {}, said_in(body.encode() if isinstance(body, str) else body))


FASTAPI = {"detail": [{"type": "missing", "loc": ["body", "messages"], "msg": "Field required"}]}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, "invalid_response"),
        (400, "bad_request"),
        (401, "unauthorized"),
        (402, "forbidden"),
        (403, "forbidden"),
        (404, "not_found"),
        (405, "not_found"),
        (408, "timeout"),
        (409, "bad_request"),
        (413, "bad_request"),
        (418, "bad_request"),
        (422, "bad_request"),
        (429, "rate_limited"),
        (500, "server_error"),
        (501, "not_found"),
        (502, "unavailable"),
        (503, "unavailable"),
        (504, "timeout"),
        (524, "timeout"),
        (529, "unavailable"),
        (599, "server_error"),
        (999, "server_error"),
    ],
)
@pytest.mark.parametrize("body", ["", "null", "[]", "{}", "<html></html>", '{"error": null}'])
def test_a_status_without_words_has_its_kind(status: int, body: str, kind: str) -> None:
    error = read(status, body)
    assert error.kind == kind
    assert str(error).startswith(f"HTTP {status}: ")


@pytest.mark.parametrize(
    ("server", "status", "body"),
    [
        (
            "llama.cpp",
            400,
            openai_error(
                "request (9000 tokens) exceeds the available context size (4096 tokens), try "
                "increasing it",
                code=400,
                type="exceed_context_size_error",
                n_prompt_tokens=9000,
                n_ctx=4096,
            ),
        ),
        (
            "vLLM",
            400,
            openai_error(
                "This model's maximum context length is 4096 tokens. However, your request has "
                "9000 input tokens. Please reduce the length of the input messages.",
                type="BadRequestError",
            ),
        ),
        (
            "vLLM, raw prompt",
            400,
            '{"object": "error", "message": "The decoder prompt (length 9000) is longer than the '
            'maximum model length of 4096."}',
        ),
        (
            "SGLang",
            400,
            '{"object":"error","message":"The input (9000 tokens) is longer than the model\'s '
            'context length (4096 tokens).","type":"BadRequestError","code":400}',
        ),
        ("Ollama", 400, '{"error":"input length exceeds maximum context length"}'),
        ("Ollama, 500", 500, '{"error":"the input length exceeds the context length"}'),
        (
            "LM Studio",
            400,
            '{"error":"Trying to keep the first 9000 tokens when context the overflows. However, '
            'the model is loaded with context length of only 4096 tokens"}',
        ),
        ("OpenAI", 400, openai_error("Too long.", code="context_length_exceeded")),
        ("TabbyAPI", 422, '{"detail":"Prompt length 9000 is greater than max_seq_len 4096"}'),
        ("Anthropic", 400, openai_error("prompt is too long: 9000 tokens > 4096 maximum")),
        (
            "Gemini",
            400,
            openai_error("The input token count exceeds the maximum number of tokens allowed."),
        ),
        (
            "TGI",
            422,
            '{"error":"Input validation error: `inputs` must have less than 1024 tokens. Given: '
            '1500","error_type":"validation"}',
        ),
        (
            "TGI, with the answer",
            422,
            '{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. '
            'Given: 1900 `inputs` tokens and 500 `max_new_tokens`","error_type":"validation"}',
        ),
        (
            "xAI",
            400,
            '{"error":"This model\'s maximum prompt length is 131072 but the request contains '
            '200000 tokens."}',
        ),
        ("TensorRT-LLM", 400, openai_error("prompt length (9000) > max_num_tokens (8192)")),
        ("LiteLLM", 400, openai_error("litellm.ContextWindowExceededError: no.")),
        ("DashScope", 400, openai_error("Range of input length should be [1, 30720]")),
        ("Moonshot", 400, openai_error("Your request exceeded model token limit: 8192")),
        ("Doubao", 400, openai_error("Total tokens of image and text exceed max message tokens.")),
        ("OpenAI, newer", 400, openai_error("Input exceeds the configured limit of 272000 tokens")),
    ],
)
def test_a_prompt_that_is_too_long_is_told_in_many_words(
    server: str, status: int, body: str
) -> None:
    assert read(status, body).kind == "too_long", server


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai_error("context is a required field")),
        (400, openai_error("max_tokens must be at least 1, got 0")),
        (400, openai_error("'length' is not a valid finish reason")),
        (422, json.dumps(FASTAPI)),
        (400, openai_error("response_format.type must be json_schema or text")),
        (400, openai_error("the schema's property model_length is not allowed")),
        (400, openai_error("temperature must be loaded with a number")),
    ],
)
def test_another_bad_request_is_not_taken_for_a_long_one(status: int, body: str) -> None:
    assert read(status, body).kind == "bad_request"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, openai_error("Loading model", type="unavailable_error", code=503), "loading"),
        (503, '{"error":"Model gemma is currently loading","estimated_time":20}', "loading"),
        (503, "Model is still being loaded", "loading"),
        (500, '{"error":"model is loading, try again"}', "loading"),
        (503, '{"message": "The server is starting up"}', "loading"),
        (503, '{"message": "The server is still starting"}', "loading"),
        (503, openai_error("Server is busy; please try again later."), "unavailable"),
        (429, openai_error("You exceeded your quota", code="insufficient_quota"), "forbidden"),
        (429, openai_error("too many tokens per minute"), "rate_limited"),
        (400, openai_error("API key not valid. Please pass a valid API key."), "unauthorized"),
        (400, openai_error("model 'x' not found"), "not_found"),
        (400, openai_error("The model `x` does not exist"), "not_found"),
        (404, openai_error("model x not found, try pulling it first"), "not_found"),
        # A router, a filter and a template speak of the request, whatever their status says.
        (404, openai_error("No endpoints found that support tool use."), "bad_request"),
        (
            404,
            openai_error("No endpoints found that can handle the requested parameters."),
            "bad_request",
        ),
        (404, openai_error("No endpoints found for vendor/model."), "not_found"),
        (
            403,
            openai_error("Your chosen model requires moderation and your input was flagged"),
            "bad_request",
        ),
        (403, openai_error("This key may not use this model."), "forbidden"),
        (500, openai_error("image input is not supported - hint: provide mmproj"), "bad_request"),
        (
            500,
            openai_error("Jinja Exception: Conversation roles must alternate user/assistant"),
            "bad_request",
        ),
        (400, '{"error":"The model has crashed without additional information."}', "server_error"),
        (400, '{"error":"Model unloaded."}', "server_error"),
        (400, '{"error":"Failed to load model \\"x\\". Operation canceled."}', "server_error"),
        (414, "", "bad_request"),
        # Groq: the model's answer was no such JSON or call. The next may be.
        (
            400,
            openai_error("Failed to generate JSON.", code="json_validate_failed"),
            "invalid_response",
        ),
        (
            400,
            openai_error("Failed to call a function.", code="tool_use_failed"),
            "invalid_response",
        ),
        (400, openai_error("No models loaded. Please load a model."), "not_found"),
        (400, '{"detail":"No models are currently loaded."}', "not_found"),
        (403, openai_error("Content violates usage guidelines."), "bad_request"),
        # Wrappers that say 500 whatever it was.
        (500, '{"detail":"litellm.RateLimitError: no"}', "rate_limited"),
        (500, '{"detail":"An error occurred (ThrottlingException)"}', "rate_limited"),
        (500, openai_error("The model is overloaded. Try again later."), "unavailable"),
        (400, openai_error("property rate_limit is not allowed"), "bad_request"),
        (410, "", "not_found"),
    ],
)
def test_words_know_more_than_the_status(status: int, body: str, kind: str) -> None:
    assert read(status, body).kind == kind


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (openai_error("No."), "No."),
        ('{"error": "No."}', "No."),
        ('{"message": "No."}', "No."),
        ('{"detail": "No."}', "No."),
        (json.dumps(FASTAPI), "body.messages: Field required"),
        ('{"errors": [{"message": "No."}, {"message": "Never."}]}', "No.; Never."),
        ('[{"error": {"message": "No."}}]', "No."),
        ('data: {"error": {"message": "No."}}\n\n', "No."),
        ('{"error": {"message": {"detail": "No."}}}', "No."),
        ("  No.\r\n  Never. ", "No. Never."),
        ("<html><title>502 Bad\nGateway</title><body>x</body>", "502 Bad Gateway"),
        ("<p>No&nbsp;<b>way</b></p><script>var x</script>", "No way"),
        ("\x1b]0;owned\x07\x1b[31mred\x1b[0m\x07 \u202etxt", "red txt"),
    ],
)
def test_the_words_of_any_body_are_one_plain_line(body: str, text: str) -> None:
    assert str(read(400, body)) == f"HTTP 400: {text}"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"error":' * 10_000,
        b"<title>" * 10_000,
        b"<script>" * 8_000,
        b"\x1b[" * 30_000,
        b"model " * 10_000,
        b"exceeds the the the " * 3_000,
        b"\xff\xfe" * 30_000,
        b'{"error": {"message": ' + b"9" * 10_000 + b"}}",
        json.dumps({"error": {"message": ["x"] * 10_000, "code": 1e300, "type": None}}).encode(),
    ],
)
def test_a_hostile_body_is_read_soon(body: bytes) -> None:
    started = time.process_time()
    error = read(400, body)
    assert time.process_time() - started < 0.5
    assert len(str(error)) <= 1_000
    assert error.kind in {"bad_request", "too_long"}


@pytest.mark.parametrize(
    ("headers", "body", "wait_s"),
    [
        ({"Retry-After": "17"}, "", 17),
        ({"Retry-After": "17s"}, "", 17),
        ({"Retry-After": "soon"}, "", None),
        ({"Retry-After": "-1"}, "", None),
        ({"Retry-After-Ms": "1500"}, "", 1.5),
        ({}, '{"error": {"details": [{"retryDelay": "45.8379s"}]}}', 45.8379),
        ({}, openai_error("Limit reached. Please try again in 7m12.5s."), 432.5),
        ({}, openai_error("Please retry in 26.66s."), 26.66),
        ({}, openai_error("Please try again in 120ms."), 0.12),
        ({}, openai_error("Try again in 20 seconds."), 20),
        ({}, openai_error("Please try again in a moment."), None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "X-RateLimit-Reset-Requests": "1m30s",
                "x-ratelimit-remaining-tokens": "5",
                "x-ratelimit-reset-tokens": "9h",
            },
            "",
            90,
        ),
        ({"x-ratelimit-remaining-requests": "0"}, "", None),
    ],
)
def test_a_server_without_room_says_in_many_ways_for_how_long(
    headers: dict[str, str], body: str, wait_s: float | None
) -> None:
    said = said_in(body.encode())
    assert failure(429, headers, said).retry_after_s == wait_s
    if not headers:
        assert failure(400, headers, said).retry_after_s is None


def test_an_error_inside_a_success_is_known_by_its_words() -> None:
    assert by_words(SlotError("bad_request", "exceeds the available context size")) == "too_long"
    assert by_words(SlotError("unavailable", "Loading model")) == "loading"
    assert by_words(SlotError("server_error", "it broke")) == "server_error"
    assert by_words(SlotError("server_error", "Jinja Exception: no")) == "bad_request"
    assert by_words(SlotError("invalid_response", "maximum context length")) == "invalid_response"


KEYS = (
    "sk-planted-0123456789",
    'sk-"planted"\\0123',
    "sk planted  0123",
    "sk-planted/+=0123&x",
    "sk-<planted>'0123'",
    "Bearer sk-planted-0123",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_taken_out_however_it_is_spelled(key: str) -> None:
    mask = mask_of(key)
    bodies = [
        key,
        openai_error(f"bad key {key}!"),
        f"not JSON: {openai_error(key)}"[:-1],
        f"<p>{key.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</p>",
        json.dumps({"detail": [{"loc": ["header", key], "msg": json.dumps({"k": key})}]}),
        f"key=\x1b[1m{key[:5]}\x1b[0m{key[5:]}",
        "x" * 990 + key,
        " " * (BODY_MAX_BYTES - 9) + key,
    ]
    for body in bodies:
        text = str(failure(401, {}, said_in(body.encode(), mask), mask))
        assert "planted" not in text, body[:100]
        assert "sk-p" not in text
        assert "0123" not in text


@pytest.mark.parametrize(
    "key", ["sk-planted-0123456789/+=&<>'\"", "sk-" + "planted0123456789" * 200]
)
def test_a_key_is_taken_out_with_any_sign_of_it_escaped(key: str) -> None:
    spelled = [
        json.dumps(key).replace("/", "\\/"),
        json.dumps(key).replace("&", "\\u0026").replace("<", "\\u003C"),
        "".join(f"\\u{ord(sign):04x}" for sign in key),
        json.dumps("".join(f"\\u{ord(sign):04X}" for sign in key)),
        quote(key, safe="").lower(),
        "".join(f"%{ord(sign):02x}" for sign in key),
        "".join(f"&#{ord(sign)};" for sign in key),
        "".join(f"&#x{ord(sign):X};" for sign in key),
        key.replace("&", "%26").replace("/", "&#x2F;"),
    ]
    for text in spelled:
        assert mask_of(key)(f"a\\b {text} 100 %") in {f"a\\b {MASK} 100 %", f'a\\b "{MASK}" 100 %'}


def test_a_key_in_pieces_is_taken_out_piece_by_piece() -> None:
    key = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
    mask = mask_of(key)
    for cut in range(12, len(key) - 11):
        for before in range(9):
            parts = f"{'x' * before}{key[:cut]}", f'{{"delta":"{key[cut:]}"}}'
            assert mask(" ".join(parts)) == f'{"x" * before}{MASK} {{"delta":"{MASK}"}}'
    assert mask(key[:11]) == key[:11]
    assert mask("abcdefghijkl") == MASK
    short = "lm-studio-12345"  # what so short a key has in common with a text tells nothing
    assert mask_of(short)("lm-studio-1234") == "lm-studio-1234"


def test_a_text_without_the_key_stays_as_it_is() -> None:
    assert plain("all *** is well", mask_of(None)) == "all *** is well"
    assert plain("the key is sk-1", mask_of("sk-1")) == f"the key is {MASK}"
