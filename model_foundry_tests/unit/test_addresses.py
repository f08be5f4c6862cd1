"""Endpoints as people write them: where the server lies, and its API."""

import re

import pytest

from model_foundry.errors import FoundryError
from model_foundry.fleet.address import address_of
from model_foundry_tests.asking import declared


@pytest.mark.parametrize(
    ("endpoint", "root", "api"),
    [
        ("http://h:1", "http://h:1", "http://h:1/v1"),
        ("http://h:1/", "http://h:1", "http://h:1/v1"),
        (" http://h:1/v1/\n", "http://h:1", "http://h:1/v1"),
        ("http://[::1]:1/v1", "http://[::1]:1", "http://[::1]:1/v1"),
        ("https://h/api/v1", "https://h/api", "https://h/api/v1"),
        ("https://h/v1beta/openai/", "https://h", "https://h/v1beta/openai"),
        ("https://h/openai/v1", "https://h/openai", "https://h/openai/v1"),
        ("https://h/api/paas/v4", "https://h/api/paas", "https://h/api/paas/v4"),
        ("https://h/naughty", "https://h/naughty", "https://h/naughty/v1"),
        ("https://h/vllm/", "https://h/vllm", "https://h/vllm/v1"),
    ],
)
def test_the_api_begins_at_its_version_written_or_not(endpoint: str, root: str, api: str) -> None:
    assert address_of(endpoint) == (root, api)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("h:1", "must be a URL"),
        ("ftp://h", "must be a URL"),
        ("http://", "must be a URL"),
        ("http://h/a b", "must be a URL"),
        ("http://h/\r\nX: 1", "must be a URL"),
        ("http://h:0", "must be a URL"),
        ("http://user:planted@h", "holds no key"),
        ("http://planted@h/v1", "holds no key"),
        ("http://h/v1?key=planted", "must have no ?"),
        ("http://h/v1#planted", "must have no ?"),
        ("http://h/v1/chat/completions", "without /chat/completions"),
        ("http://h/v1/models", "without /chat/completions"),
    ],
)
@pytest.mark.parametrize("by", ["file", "environment"])
def test_what_is_no_endpoint_is_refused_without_its_text(endpoint: str, said: str, by: str) -> None:
    if by == "file":
        with pytest.raises(ValueError, match=re.escape(said)) as refused:
            address_of(endpoint)
        text = str(refused.value)
    else:
        slot = declared(endpoint={"env": "URL"})
        with pytest.raises(FoundryError, match=re.escape(said)) as caught:
            slot.url({"URL": endpoint})
        text = str(caught.value)
        assert "URL" in text
    assert "planted" not in text


@pytest.mark.parametrize(
    "value", ["sk-1234\n", " sk-1234\r\n", "\tsk-1234 ", "\ufeffsk-1234\n", "sk-1234\n\n"]
)
def test_a_key_is_what_stands_between_blanks_and_line_ends(value: str) -> None:
    slot = declared(api_key={"env": "KEY"})
    assert slot.key({"KEY": value}) == "sk-1234"


@pytest.mark.parametrize("value", ["", " \n", "\ufeff"])
def test_a_key_that_is_blank_is_unset(value: str) -> None:
    slot = declared(api_key={"env": "KEY"})
    with pytest.raises(FoundryError, match="KEY is unset"):
        slot.key({"KEY": value})


@pytest.mark.parametrize(
    "value",
    ["sk-pla\nnted", "sk-plänted", "sk-\x00planted", "sk-\x1bplanted", "“planted”", "\ud800p"],
)
def test_a_key_that_no_header_can_carry_is_refused_by_its_variable_alone(value: str) -> None:
    slot = declared(api_key={"env": "KEY"})
    with pytest.raises(FoundryError, match="KEY holds a character that no HTTP header") as caught:
        slot.key({"KEY": value})
    assert value not in str(caught.value)
    assert "planted" not in str(caught.value)
