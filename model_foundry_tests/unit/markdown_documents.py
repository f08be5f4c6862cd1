"""What the tests of documents share: the documents, translators, another parser's view."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from model_foundry.translation.document import Document, Segment
from model_foundry.translation.markdown import Block
from model_foundry.translation.marks import MisfitError
from model_foundry.translation.quality import judge_document, judge_segment

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


@dataclass
class Outcome:
    """What became of a document; `rendered` is None where reasons say why."""

    document: Document
    rendered: str | None
    reasons: list[str]


def put_through(
    text: str, translate: Callable[[str], str], *, source: str = "en", target: str = "de"
) -> Outcome:
    """A document through a translator, judged as `translate` does it, without asking twice."""
    document = Document(text)
    done: dict[Segment, str] = {}
    near: dict[Block, dict[Segment, str]] = {}
    reasons: list[str] = []
    waiting = list(document.segments)
    while True:
        while waiting:
            segment = waiting.pop()
            said = translate(segment.text).strip()
            beside = near.setdefault(segment.block, {})
            quality = judge_segment(
                document, segment, said, source=source, target=target, beside=beside
            )
            unfit = [each for each in quality.findings if each.blocks]
            if not unfit:
                done[segment] = beside[segment] = said
            elif {each.code for each in unfit} == {"structure"} and (
                parts := document.split(segment, halves=False)
            ):
                waiting += parts
            else:
                reasons += [f"line {segment.line}: {each.words}" for each in unfit]
        if reasons:
            return Outcome(document, None, reasons)
        try:
            rendered = document.render(done)
        except MisfitError as error:
            return Outcome(document, None, [str(error)])
        quality = judge_document(document, rendered, source=source, target=target)
        lines = {each.line for each in quality.findings if each.code == "structure"}
        for segment in [each for each in done if each.marks and each.line in lines]:
            if parts := document.split(segment, halves=False):
                del done[segment], near[segment.block][segment]
                waiting += parts
        if not waiting:
            blocking = [each.words for each in quality.findings if each.blocks]
            return Outcome(document, None if blocking else rendered, blocking)
