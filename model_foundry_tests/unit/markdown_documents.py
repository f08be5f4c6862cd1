"""What the tests of documents share: the documents, translators, another parser's view."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from model_foundry.translation.document import Document, Segment

FOLDER: Final = Path(__file__).parent.parent / "documents"
DOCUMENTS: Final = sorted(FOLDER.glob("*.md"))
SPEC: Final = FOLDER / "commonmark-spec-0.31.2.txt"
# markdown-it-py as it comes: a judge that knows nothing of ours.
_STOCK: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(path: Path) -> str:
    return path.read_bytes().decode()


def spec_examples() -> list[str]:
    """The Markdown of each example of CommonMark's specification, in its order."""
    examples = re.findall(r"^`{32} example\n(.*?)^\.\n", read(SPEC), re.DOTALL | re.MULTILINE)
    return [example.replace("→", "\t") for example in examples]


def translated(
    document: Document, translate: Callable[[str], str]
) -> tuple[dict[Segment, str], list[Segment]]:
    """A document's segments by a translator, split where one does not fit; and what failed."""
    done: dict[Segment, str] = {}
    failed = []
    waiting = list(document.segments)
    while waiting:
        segment = waiting.pop()
        translation = translate(segment.text)
        if document.misfit(segment, translation, done) is None:
            done[segment] = translation
        elif parts := document.split(segment):
            waiting += parts
        else:
            failed.append(segment)
    return done, failed


def stock_skeleton(text: str) -> list[tuple[Any, ...]]:
    """What another parser sees beside the texts."""
    return [_seen(token) for token in _flat(_STOCK.parse(text))]


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        if token.type not in {"inline", "text", "softbreak"}:
            yield token
        yield from _flat(token.children or [])


def _seen(token: Token) -> tuple[Any, ...]:
    verbatim = token.type not in {"image"}
    attrs = {name: value for name, value in token.attrs.items() if name != "alt"}
    return token.type, token.tag, token.info, token.content if verbatim else "", attrs
