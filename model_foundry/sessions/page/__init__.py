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

from model_foundry.looks.colours import colour
from model_foundry.looks.fonts import face
from model_foundry.looks.style import STYLE, filled
from model_foundry.sessions.graph import Session

_HERE: Final = Path(__file__).parent
# What could end the element that the JSON stands in, or a line of script in old browsers.
_ESCAPES: Final = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def page(session: Session, zone: str | None = None) -> str:
    """The page of a session. `zone`: whose times it shows, by IANA's name; None: the reader's."""
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    chats = [*session.chats, *(chat for node in session.nodes for chat in node.chats)]
    slots = {slot for slot in (*(n.slot for n in session.nodes), *(c.slot for c in chats)) if slot}
    told = {
        "session": session,
        "colours": {slot: colour(slot) for slot in slots | set(session.summary["slots"] or ())},
        "zone": zone,
    }
    names = "".join([session.correlation_id, *(node.name for node in session.nodes)])
    return filled(
        (_HERE / "page.html").read_text(encoding="utf-8"),
        {
            "title": html.escape(f"Session {session.correlation_id}"),
            "policy": "default-src 'none'; style-src 'unsafe-inline'; font-src data:; "
            f"script-src 'sha256-{digest}'",
            "style": f"{face(names)}\n{STYLE}",
            "data": msgspec.json.encode(told).decode().translate(_ESCAPES),
            "script": script,
        },
    )
