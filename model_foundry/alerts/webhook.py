"""The message that a webhook is sent, in the form that its receiver reads.

Slack, Discord and ntfy are known by their hosts, or named in `MODEL_FOUNDRY_ALERT_FORMAT`; anything
else gets plain JSON. The URL is a secret: an error names its host alone.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from model_foundry.alerts.troubles import Outcome
from model_foundry.errors import FoundryError
from model_foundry.settings.kinds import AlertFormat

VARIABLE: Final = "MODEL_FOUNDRY_ALERT_URL"
LISTED: Final = 10
# Discord takes 2,000 characters; ntfy 4,096 bytes before it makes a file of them.
_DISCORD_CHARS: Final = 2_000
_NTFY_BYTES: Final = 4_000

# Its client logs every URL that it asks.
logging.getLogger("httpx").setLevel(logging.WARNING)


def tell(
    outcomes: Sequence[Outcome], *, url: str, form: AlertFormat | None, timeout_s: float
) -> None:
    """Send one message of all these troubles.

    Raises:
        FoundryError: it did not arrive; the text names the receiver's host, never the URL.
    """
    parts = _parts(url)
    content = _CONTENTS[form or _form_of(parts.hostname or "", parts.path)](outcomes)
    try:
        response = httpx.post(url, timeout=timeout_s, follow_redirects=False, **content)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise FoundryError(
            f"the receiver of alerts, {parts.hostname}, was not reached "
            f"({type(error).__name__}): see {VARIABLE}"
        ) from None
    if not response.is_success:
        raise FoundryError(
            f"the receiver of alerts, {parts.hostname}, answered {response.status_code}: see "
            f"{VARIABLE}"
        )


def _parts(url: str) -> Any:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise FoundryError(f"{VARIABLE} is no URL of the form https://host/…")
    return parts


def _form_of(host: str, path: str) -> AlertFormat:
    if host == "hooks.slack.com":
        return "slack"
    if host in {"discord.com", "discordapp.com"} and path.startswith("/api/webhooks/"):
        return "discord"
    if host == "ntfy.sh" or host.startswith("ntfy."):
        return "ntfy"
    return "json"


def headline(outcomes: Sequence[Outcome]) -> str:
    """In a line: the one trouble, or how many."""
    if len(outcomes) == 1:
        return f"model-foundry: {outcomes[0].title}"
    return f"model-foundry: {len(outcomes)} troubles"


def _lines(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for outcome in outcomes[:LISTED]:
        lines.append(f"{outcome.title}: {outcome.reason}" if outcome.reason else outcome.title)
        lines.append(outcome.url)
    if len(outcomes) > LISTED:
        lines.append(f"… and {len(outcomes) - LISTED} more.")
    return [line for line in lines if line]


def _slack(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    text = "\n".join([headline(outcomes), *_lines(outcomes)])
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, entity)
    return {"json": {"text": text, "unfurl_links": False}}


def _discord(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    text = "\n".join([headline(outcomes), *_lines(outcomes)])
    text = text if len(text) <= _DISCORD_CHARS else f"{text[: _DISCORD_CHARS - 1]}…"
    return {"json": {"content": text, "allowed_mentions": {"parse": []}}}


def _ntfy(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    text = "\n".join([headline(outcomes), *_lines(outcomes)]).encode()[:_NTFY_BYTES]
    return {
        "content": text.decode(errors="ignore").encode(),
        "headers": {"Title": "model-foundry", "Tags": "warning", "Content-Type": "text/plain"},
    }


def _plain(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "json": {
            "title": headline(outcomes),
            "text": "\n".join(_lines(outcomes)),
            "troubles": [
                {
                    "kind": outcome.kind,
                    "name": outcome.name,
                    "partition": outcome.partition,
                    "reason": outcome.reason,
                    "url": outcome.url,
                }
                for outcome in outcomes
            ],
        }
    }


_CONTENTS: Final = {"slack": _slack, "discord": _discord, "ntfy": _ntfy, "json": _plain}
