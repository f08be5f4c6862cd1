"""What a translation is worth: findings on a segment, and on a document.

Belongs here: measures that need nothing but the texts. What blocks is certain enough that no reader
should see the translation; the rest is for a person to look at. Whether a translation fits into its
document is `document`'s, whether skeletons are equal `structure`'s; both are findings here.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

from model_foundry.translation.document import Document, Segment
from model_foundry.translation.glossary import Glossary, terms_used
from model_foundry.translation.inline import LITERAL
from model_foundry.translation.languages import base, in_script, joined, script_of, unspaced_in
from model_foundry.translation.markdown import block_tokens, parse
from model_foundry.translation.prompts import Pair, harmless
from model_foundry.translation.referee import disagreements
from model_foundry.translation.sentences import sentence_ends
from model_foundry.translation.stamp import Stamp, is_stamped_in_place
from model_foundry.translation.structure import found_differences

Code = Literal[
    "empty",
    "echo",
    "untranslated",
    "loop",
    "length",
    "own_markdown",
    "prompt_example",
    "control_tokens",
    "structure",
    "glossary",
    "missing",
]
# Weighted lengths of translation to source. Outside of the inner bounds it is worth a look, outside
# of the outer ones something is missing or made up. A kana or Han character weighs as 2.2 letters.
LENGTH_BOUNDS: Final = (0.5, 2.0)
LENGTH_LIMITS: Final = (0.25, 4.0)
# What a pair's translations are to their sources as a rule, where the weights alone do not say.
_USUAL_LENGTH: Final = {("en", "de"): 1.15, ("en", "fr"): 1.15, ("en", "es"): 1.15}
_WEIGHT: Final = 2.2
_SHORT: Final = 20.0  # added to both lengths: a ratio of two short texts says little
_LOOP_PERIOD: Final = 80
_UNPLACED: Final = "its text was not found in the source, or its marks nest too deep"
_HAN_NAME: Final = 8
_WORD: Final = re.compile(r"[^\W\d_]+")
_SMALL_WORDS: Final = re.compile(
    r"(?<!\S)[^\W\d_]*[a-z][a-z]+(?: [a-z]{2,}){2}(?![\w-])|(?<!\S)[a-z]{2,}(?: [a-z]{2,}){2}"
)
_FUNCTION_WORDS: Final = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in is that for it with as was on are this be you not have from by",
        "de": "der die das und ist nicht ein eine zu mit von auf für den dem im auch wird sind",
        "fr": "le la les des et est une pour dans que qui pas sur avec du au sont vous cette ne",
        "es": "el los las y es una para que con por del no se está como su más son este",
        "it": "il gli della è una per che con non sono di del nel si più questo come alla",
        "pt": "o os as e é uma para que com não por do da em se mais são este como ao",
        "nl": "de het een en is niet van voor met dat op zijn te die naar wordt ook deze",
        "sv": "och är det att en ett som för på med inte av den till kan om från",
        "pl": "i jest nie na się że do to z jak dla są przez ale może tego",
        "id": "yang dan di ini itu dengan untuk dari tidak pada adalah dalam akan",
        "vi": "và là của có không cho với được này trong một những các khi",
        "tr": "ve bir bu için ile de da değil olarak daha gibi çok olan",
    }.items()
}


@dataclass(frozen=True)
class Finding:
    """Something about a translation, in words; one that `blocks` keeps it from being published.
    `line` is the source's, where the finding is a document's."""

    code: Code
    words: str
    blocks: bool
    line: int = 0


@dataclass(frozen=True)
class Quality:
    """The measures of a translation. `length_ratio` is of weighted lengths, 0 for an empty one;
    the glossary's hit rate is `glossary_used` of `glossary_found`."""

    findings: tuple[Finding, ...]
    length_ratio: float
    glossary_found: int
    glossary_used: int

    @property
    def blocks(self) -> bool:
        return any(finding.blocks for finding in self.findings)


def judge(
    text: str,
    translation: str,
    *,
    source: str,
    target: str,
    glossary: Glossary | None = None,
    shown: Sequence[Pair] = (),
) -> Quality:
    """The measures of one text's translation from one language to another.

    `text` is what was sent, `translation` what came back, `shown` the solved pairs that were sent
    with it: a small model may answer with one of these.
    """
    terms = glossary.terms_in(text) if glossary else []
    used = terms_used(terms, translation)
    ratio = length_ratio(text, translation)
    if not translation.strip():
        findings = [Finding("empty", "the translation is empty", blocks=True)]
    else:
        findings = [
            *_control(translation),
            *_untranslated(text, translation, source, target),
            *_loop(text, translation),
            *_length(text, translation, (base(source), base(target))),
            *_own_markdown(text, translation),
            *_prompt_example(text, translation, shown),
        ]
    if len(used) < len(terms):
        missing = ", ".join(f"{term.source} → {term.target}" for term in terms if term not in used)
        findings.append(Finding("glossary", f"not used: {missing}", blocks=False))
    return Quality(tuple(findings), ratio, len(terms), len(used))


def judge_segment(
    document: Document,
    segment: Segment,
    translation: str,
    *,
    source: str,
    target: str,
    glossary: Glossary | None = None,
    beside: Mapping[Segment, str] = MappingProxyType({}),
) -> Quality:
    """`judge`, and whether the translation can stand in its segment's place, `beside` others."""
    quality = judge(segment.text, translation, source=source, target=target, glossary=glossary)
    if not translation.strip() or (why := document.misfit(segment, translation, beside)) is None:
        return quality
    finding = Finding("structure", why.removeprefix(f"line {segment.line}: "), blocks=True)
    return Quality(
        (*quality.findings, finding),
        quality.length_ratio,
        quality.glossary_found,
        quality.glossary_used,
    )


def judge_document(
    document: Document,
    rendered: str,
    *,
    source: str,
    target: str,
    untranslated: Sequence[Segment] = (),
    glossary: Glossary | None = None,
) -> Quality:
    """The measures of a whole document, `rendered` from its translations.

    `untranslated` are the segments that have none. It must be built as its source, by our parser
    and by GitHub's.
    """
    before = " ".join(segment.text for segment in document.segments)
    translated = Document(rendered, front_matter_keys=document.front_matter_keys)
    after = " ".join(segment.text for segment in translated.segments)
    terms = glossary.terms_in(before) if glossary else []
    used = terms_used(terms, after)
    findings = [
        Finding("structure", words, blocks=True, line=line)
        for line, words in found_differences(
            document.parsed, translated.parsed, document.front_matter_keys
        )
    ]
    findings += [
        Finding("structure", f"line {line}: {words}", blocks=True, line=line)
        for line, words in disagreements(
            document.source,
            rendered,
            (document.parsed.indented_prose, translated.parsed.indented_prose),
        )
    ]
    findings += [
        Finding("missing", f"line {segment.line}: not translated: {segment.text[:60]}", blocks=True)
        for segment in untranslated
    ]
    findings += [
        Finding("missing", f"line {line}: {_UNPLACED}: {text[:60]}", blocks=True, line=line)
        for line, text in document.unplaced
    ]
    findings += _length(before, after, (base(source), base(target)))
    findings += _repeated_in(document, translated)
    return Quality(tuple(findings), length_ratio(before, after), len(terms), len(used))


def stamp_faults(document: Document, rendered: str, stamped: str, stamp: Stamp) -> list[str]:
    """What is wrong with the text that would be written, `stamped` from what was `rendered`.

    Below its front matter it is what was judged, to the byte, and cmark-gfm is asked once more.
    """
    prose = document.parsed.indented_prose, parse(stamped).indented_prose
    faults = [
        f"line {line}: {words}" for line, words in disagreements(document.source, stamped, prose)
    ]
    if not is_stamped_in_place(stamped, stamp, rendered):
        faults.append("line 1: the stamp would not be read in this front matter: mend its syntax")
    return faults


def _repeated_in(document: Document, translated: Document) -> list[Finding]:
    """A sentence that paragraphs repeat, as those of the source do not. Cells may well be equal."""
    usual = Counter(
        each for segment in document.segments for each in _sentences(segment.text)
    ).most_common(1)
    lines: dict[str, list[int]] = {}
    for segment in translated.segments:
        if segment.kind == "paragraph":
            for each in _sentences(segment.text):
                lines.setdefault(each, []).append(segment.line)
    for sentence, found in lines.items():
        if len(found) > max(2, usual[0][1] if usual else 1) and _weighted(sentence) > 20:
            where = ", ".join(map(str, found[:9])) + (", …" if len(found) > 9 else "")
            said = f"lines {where} of the translation: {sentence[:40]!r} {len(found)} times, which "
            return [
                Finding(
                    "loop", said + "the source does not repeat: review these lines", blocks=True
                )
            ]
    return []


def length_ratio(text: str, translation: str) -> float:
    """Weighted length of the translation to that of the text; 0 when either has nothing."""
    length = _weighted(text)
    return round(_weighted(translation) / length, 3) if length else 0.0


def _weighted(text: str) -> float:
    solid = "".join(text.split())
    return len(solid) + (_WEIGHT - 1) * unspaced_in(solid)


def _length(text: str, translation: str, pair: tuple[str, str]) -> list[Finding]:
    usual = _USUAL_LENGTH.get(pair, 1 / _USUAL_LENGTH.get(pair[::-1], 1.0))
    ratio = (_weighted(translation) + _SHORT) / (_weighted(text) + _SHORT) / usual
    low, high = LENGTH_BOUNDS
    if low <= ratio <= high:
        return []
    lowest, highest = LENGTH_LIMITS
    how = "short" if ratio < low else "long"
    words = f"too {how}: {ratio:.2f} of what is usual for {pair[0]} → {pair[1]}"
    return [Finding("length", words, blocks=not lowest <= ratio <= highest)]


def _control(translation: str) -> list[Finding]:
    if harmless(translation) == joined(translation):
        return []
    return [Finding("control_tokens", "control tokens of a chat template in it", blocks=True)]


def _untranslated(text: str, translation: str, source: str, target: str) -> list[Finding]:
    words = len(_WORD.findall(text))
    theirs, ours = script_of(source), script_of(target)
    if _bare(text) == _bare(translation):
        stays = base(source) == base(target) or _may_stay(text, source, target)
        return [Finding("echo", "the translation is the source", blocks=not stays)]
    letters = max(1, sum(map(str.isalpha, translation)))
    left = _left(translation, base(source), base(target), theirs, ours)
    if left:
        share = left / letters
        said = f"{left} characters of the source's script are left"
        return [Finding("untranslated", said, blocks=share > 0.1 and left > 2)]
    if ours == "latin" and _other_scripts(text, translation, theirs) > in_script(translation, ours):
        return [Finding("untranslated", "most of it is in another script", blocks=True)]
    if ours != "latin" and in_script(text, theirs) and not in_script(translation, ours):
        blocks = words > 3 and not (theirs == "latin" and _is_names(text, source))
        return [Finding("untranslated", f"nothing of it is {ours}", blocks=blocks)]
    if theirs == ours == "latin" and base(source) != base(target):
        was, now = (_function_words(translation, base(each)) for each in (source, target))
        if was >= 3 and was > 2 * now:
            said = f"{was} words of it are {source}, {now} are {target}"
            return [Finding("untranslated", said, blocks=True)]
    return []


def _other_scripts(text: str, translation: str, theirs: str) -> int:
    """How many letters of a translation are neither Latin nor of its source."""
    foreign = in_script(translation, "foreign")
    if theirs != "latin":
        return foreign - in_script(translation, theirs)
    return foreign if in_script(text, "latin") >= in_script(text, "foreign") else 0


def _may_stay(text: str, source: str, target: str) -> bool:
    """Whether a text can be its own translation: a name can; a sentence, or another script, not."""
    theirs, ours = script_of(source), script_of(target)
    if theirs != "latin" and in_script(text, theirs) > 0:
        han = {theirs, ours} <= {"han", "japanese"} and not in_script(text, "kana")
        return theirs == ours or (han and in_script(text, "han") <= _HAN_NAME)
    return len(_WORD.findall(text)) <= 3 or _is_names(text, source)


def _is_names(text: str, language: str) -> bool:
    """Whether it may be names alone: no function word, nowhere three words in small letters."""
    plain = re.sub(r"`\d+`|\]\(\d+\)", " , ", text)
    return not _function_words(plain, base(language)) and not _SMALL_WORDS.search(plain)


def _left(translation: str, source: str, target: str, theirs: str, ours: str) -> int:
    """Characters that only the source's language can have written."""
    if source == "ja" != target:
        return in_script(translation, "kana" if target == "zh" else "japanese")
    if theirs in {ours, "latin"} or (theirs == "han" and target == "ja"):
        return 0  # Latin names and abbreviations stand in every language
    return in_script(translation, theirs)


def _function_words(text: str, language: str) -> int:
    known = _FUNCTION_WORDS.get(language, frozenset())
    return sum(word in known for word in re.findall(r"[^\W\d_]+", text.lower()))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _loop(text: str, translation: str) -> list[Finding]:
    looped = _longest_loop(translation)
    if looped and looped[1] > 1.5 * (_longest_loop(text) or ("", 0))[1]:
        unit, size = looped
        said = f"{unit.strip()[:40]!r} again and again, over {size} characters"
        return [Finding("loop", said, blocks=True)]
    if len(_bare(text)) > 8 and _is_twice(_bare(translation)) and not _is_twice(_bare(text)):
        return [Finding("loop", "the whole of it is there twice", blocks=True)]
    return _repeated_sentences(text, translation)


def _is_twice(bare: str) -> bool:
    half = len(bare) // 2
    return bare[:half] == bare[half:]


def _longest_loop(text: str) -> tuple[str, int] | None:
    """The longest stretch that is one unit at least four times in a row, and its length."""
    found: tuple[str, int] | None = None
    for period in _periods(text):
        run = 0
        for at in range(period, len(text) + 1):
            if at < len(text) and text[at] == text[at - period]:
                run += 1
                continue
            size = run + period
            unit = text[at - size : at - size + period]
            enough = run >= 3 * period and size >= 16 and any(map(str.isalnum, unit))
            if enough and size > (found[1] if found else 0):
                found = (unit, size)
            run = 0
    return found


def _periods(text: str) -> list[int]:
    """Distances at which eight characters come again: what a loop's period can be."""
    periods = set()
    last: dict[str, int] = {}
    for at in range(len(text) - 7):
        eight = text[at : at + 8]
        if eight in last and at - last[eight] <= _LOOP_PERIOD:
            periods.add(at - last[eight])
        last[eight] = at
    return sorted(periods)


def _repeated_sentences(text: str, translation: str) -> list[Finding]:
    counts = Counter(_sentences(translation))
    usual = max(Counter(_sentences(text)).values(), default=1)
    if not counts:
        return []
    sentence, count = counts.most_common(1)[0]
    if count < 3 or count <= usual:
        return []
    said = f"{sentence[:40]!r} {count} times"
    return [Finding("loop", said, blocks=True)]


def _sentences(text: str) -> list[str]:
    bounds = [0, *sentence_ends(text), len(text)]
    pieces = [text[start:end].strip() for start, end in pairwise(bounds)]
    return [piece for piece in pieces if _weighted(piece) > 12]


def _own_markdown(text: str, translation: str) -> list[Finding]:
    """Markup that the translation would show or be. Put back it is on one line, and what would
    begin a block is escaped: a sign for which the source has one of its own is text there."""
    new = _markup(translation) - _markup(text)
    plain = unicodedata.normalize("NFKC", text)
    own = sorted(name for name in new if not _has_sign_of(name, text, plain, translation.strip()))
    if not own:
        return []
    return [
        Finding("own_markdown", f"markup that the source has not: {', '.join(own)}", blocks=True)
    ]


_SIGNS: Final = {
    "em": "*_", "strong": "*_", "s": "~", "code_inline": "`", "link": "[", "image": "!",
    "html_inline": "<", "jsx": "<", "html_block": "<", "braces": "{", "template": "{",
    "math_inline": "$", "math_inline_double": "$", "wiki_link": "[", "note": "^",
}  # fmt: skip
_NUMBERED: Final = re.compile(r"\W{0,4}(?:第?[\d一二三四五六七八九十百]+|[IVXivx]+\b|[a-zA-Z][.)])")


def _has_sign_of(name: str, text: str, plain: str, translation: str) -> bool:
    if name in _SIGNS:
        return any(sign in plain for sign in _SIGNS[name])
    if name == "literal":
        found = [match[0].casefold() for match in LITERAL.finditer(translation)]
        return all(each in plain.casefold() or each[0] == ":" in plain for each in found)
    if "\n" in translation or name == "paragraphs":
        return False
    if name in {"ordered_list", "list_item"} and translation[:1].isalnum():
        return bool(_NUMBERED.match(plain))
    category = unicodedata.category(text[:1] or "x")
    return category[0] in "SP" and category not in {"Ps", "Pi", "Pf"} and text[0] not in "`*~[\\"


def _prompt_example(text: str, translation: str, shown: Sequence[Pair]) -> list[Finding]:
    """An answer that was in the prompt, to a question that was not this one."""
    answer = _bare(translation)
    for said, solved in shown:
        theirs = _bare(solved)
        if theirs and theirs in answer and _bare(said) not in _bare(text):
            what = f"it answers an example of the prompt: {solved[:40]}"
            return [Finding("prompt_example", what, blocks=True)]
    return []


def _markup(text: str) -> set[str]:
    """Kinds of blocks and of inline markup in a text, beyond one paragraph of words."""
    tokens = block_tokens(text.strip())
    found = {
        token.type.removesuffix("_open")
        for token in tokens
        if token.nesting >= 0 and token.type not in {"paragraph_open", "inline"}
    }
    if sum(token.type == "paragraph_open" for token in tokens) > 1:
        found.add("paragraphs")
    for token in tokens:
        if token.type == "inline":
            found |= {piece.name for piece in token.meta["pieces"] if _is_mark(piece.kind)}
    return found


def _is_mark(kind: str) -> bool:
    return kind in {"open", "opaque"}
