"""A session as one HTML file: graph, timeline and texts, without network and without libraries.

Every text of the session travels as JSON inside the page and is shown as text only; a content
security policy names the page's own script by its hash, so that nothing else ever runs.
"""

import base64
import hashlib
import html
from pathlib import Path
from typing import Final

import msgspec

from model_foundry.sessions.graph import Session

_HERE: Final = Path(__file__).parent
# What could end the element that the JSON stands in, or a line of script in old browsers.
_ESCAPES: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def page(session: Session) -> str:
    """The page of a session."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    parts = {
        "title": html.escape(f"Session {session.correlation_id}"),
        "policy": f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        "style": (_HERE / "page.css").read_text(encoding="utf-8"),
        "data": msgspec.json.encode(session).decode().translate(_ESCAPES),
        "script": script,
    }
    pieces = (_HERE / "page.html").read_text(encoding="utf-8").split("%%")
    # Between the marks stand the names: each is filled once, and what is filled in never again.
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))
