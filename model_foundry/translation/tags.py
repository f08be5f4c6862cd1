"""Tags that come in pairs, and what divides a text in two: what may not change its order.

HTML and JSX elements, blocks of Liquid, Jinja, Handlebars, Go templates and Hugo's shortcodes. A
tag without its partner, and what stands between two (`{% else %}`), divide.

Belongs here: which pieces are partners, which divide. Does not: what is checked with it (`marks`).
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from model_foundry.translation.inline import Piece

_VOID: Final = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905
)
_ELEMENT: Final = re.compile(r"<(/?)([A-Za-z][\w.:-]*|(?=>))(?:[^>]|>(?=.))*>\Z", re.DOTALL)
_LIQUID: Final = re.compile(r"\{%-?\s*(end)?(\w+)")
_SHORTCODE: Final = re.compile(r"\{\{[<%]\s*(/?)\s*([\w/.-]+)")
_HANDLEBARS: Final = re.compile(r"\{\{([#/^])\s*(\w+)")
_GO: Final = re.compile(r"\{\{-?\s*(if|range|with|block|define|else|end)\b")
_BETWEEN: Final = frozenset("else elif elsif elseif when empty case break continue".split())  # noqa: SIM905
_BEFORE: Final = frozenset("assign set let capture increment decrement".split())  # noqa: SIM905

Role = Literal["opens", "closes", "divides"]


class Tag(NamedTuple):
    """What a tag does; `name` is that of its partner too."""

    role: Role
    name: str


def tag_of(text: str) -> Tag | None:  # noqa: PLR0911 - one of each template language
    """What a tag does by itself; None for what neither pairs off nor divides."""
    if text.startswith("<"):
        return _element(text)
    if match := _LIQUID.match(text):
        name = match[2]
        if name in _BETWEEN or (name in _BEFORE and not match[1]):
            return Tag("divides", name)
        return Tag("closes" if match[1] else "opens", f"%{name}")
    if (match := _SHORTCODE.match(text)) and not text.endswith(("/>}}", "/%}}")):
        return Tag("closes" if match[1] else "opens", f"{{{match[2]}")
    if match := _HANDLEBARS.match(text):
        return Tag("closes" if match[1] == "/" else "opens", f"#{match[2]}")
    if match := _GO.match(text):
        if match[1] == "else":
            return Tag("divides", "else")
        return Tag("closes" if match[1] == "end" else "opens", "go")
    return None


def _element(text: str) -> Tag | None:
    match = _ELEMENT.match(text)
    if match is None or text.endswith("/>") or text.startswith("<!"):
        return None
    name = match[2]
    if not match[1] and text.rfind(f"</{name}") > 0:
        return None  # whole, with what is in it
    if name.lower() in _VOID and not match[1]:
        return None
    return Tag(
        "closes" if match[1] else "opens", f"<{name if name[:1].isupper() else name.lower()}"
    )


class Roles(NamedTuple):
    """By the place in a list of pieces: what opens, with its partner; what closes, with its own;
    what divides."""

    opens: dict[int, int]
    closes: dict[int, int]
    divides: set[int]


def roles(pieces: Iterable[Piece], content: str) -> Roles:
    """The roles of the pieces of a text. Partners are within the same marks, and do not cross."""
    found = Roles({}, {}, set())
    frames: list[list[tuple[int, str]]] = [[]]
    needs_partner: set[int] = set()
    for at, piece in enumerate(pieces):
        if piece.kind == "open":
            frames.append([])
        elif piece.kind == "close" and len(frames) > 1:
            found.divides.update(each for each, _ in frames.pop() if each in needs_partner)
        elif piece.kind == "opaque" and (tag := tag_of(content[piece.start : piece.end])):
            frame = frames[-1]
            if tag.role == "opens":
                frame.append((at, tag.name))
                if tag.name[0] == "<":
                    needs_partner.add(at)
            elif tag.role == "divides" or not any(
                name == tag.name for _, name in frame[-_DEEPEST:]
            ):
                found.divides.add(at)
            else:
                while frame[-1][1] != tag.name:
                    other, _ = frame.pop()
                    found.divides.update({other} & needs_partner)
                other, _ = frame.pop()
                found.opens[other] = at
                found.closes[at] = other
    for frame in frames:
        found.divides.update(each for each, _ in frame if each in needs_partner)
    return found


_DEEPEST: Final = 64
