"""Where a server and its OpenAI API lie, of an endpoint as people write it. Pure."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_VERSION: Final = re.compile(r"v\d+\w*", re.ASCII)
_NO_URL: Final = "must be a URL such as http://127.0.0.1:8000, or {env: NAME}"
_PATHS: Final = ("/completions", "/models", "/embeddings", "/responses")


class Address(NamedTuple):
    """URLs without a slash at their end.

    Attributes:
        root: of the server, where `/health` and `/metrics` lie.
        api: of its API, where `/chat/completions` lies.
    """

    root: str
    api: str


def address_of(endpoint: str) -> Address:
    """An endpoint taken apart: the API begins at its first version (`/v1`, `/v1beta/openai`).

    Without a version in its path, `/v1` is meant.

    Raises:
        ValueError: it is no URL of a server, or holds what does not belong there; never its text.
    """
    endpoint = endpoint.strip()
    try:
        parts = urlsplit(endpoint)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError as error:
        # Its other reasons quote what may be a password with a slash in it.
        is_number = str(error).startswith("Port out of range")
        raise ValueError(str(error) if is_number else _NO_URL) from None
    if not known or re.search(r"[\s\x00-\x20\x7f\\]", endpoint):
        raise ValueError(_NO_URL)
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL holds no key or password: give api_key: {env: NAME}")
    if parts.query or parts.fragment:
        raise ValueError("must have no ? and no #")
    path = parts.path.rstrip("/")
    if path.endswith(_PATHS):
        raise ValueError("must be the API's base: without /chat/completions or /models")
    server = f"{parts.scheme}://{parts.netloc}"
    folders = path.split("/")
    for number, folder in enumerate(folders):
        if _VERSION.fullmatch(folder):
            return Address(server + "/".join(folders[:number]), server + path)
    return Address(server + path, f"{server}{path}/v1")
