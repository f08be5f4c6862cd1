"""What a text commits itself to, as far as a pattern can see it: settings, numbers, identifiers, names.

Belongs here: finding them in English or Japanese, and whether another text mentions them.
Does not: who said what to whom (`agreement`). Ordinary words are never decisions; a paraphrase is
never a mention.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

TEXT_MAX_CHARS: Final = 50_000  # of one text; what is beyond is not looked at

_UNIT: Final = (
    r"(?:%|ms|s|sec|seconds?|min|minutes?|h|hours?|[KMGT]i?B|bytes?|tok(?:ens?)?/s|Hz|[kM]?W|V|"
    r"秒|分|時間|日|個|件|台|度)"
)
_NUMBER: Final = r"\d+(?:[.,:]\d+)*"
_VALUE: Final = rf"{_NUMBER}{_UNIT}?"
_ENDED: Final = r"(?![A-Za-z0-9])"
_WORDS: Final = {
    word: str(value)
    for value, word in enumerate(
        "two three four five six seven eight nine ten eleven twelve".split(), start=2
    )
}
# Before or after a number they name nothing.
_NO_NAME: Final = frozenset(
    "a about above after all an and any are around as at be before below between both but by can "
    "did do does each every few first for from had has have how if in into is it its last least "
    "less look lookup many more most much must need next no not of on one only or other out over "
    "part per should so step task than that the their them then there these they this those "
    "through to too under up use used uses using was were what when where which who why will with "
    "would yes you your".split()
)

_LIST_MARK: Final = re.compile(r"^\s*(?:[-*•]|\(?\d+[.)]|#+)\s+", re.MULTILINE)
_SPACED_UNIT: Final = re.compile(rf"(?<=\d)[ \t]+(?={_UNIT}{_ENDED})")
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)

_QUOTED: Final = re.compile(r"`([^`\n]{2,60})`|[「『“\"]([^「」『』“”\"\n]{2,60})[」』”\"]")
_IDENTIFIER: Final = re.compile(
    r"(?<![\w./-])(?:"
    r"--[a-z][\w-]+"  # a flag
    r"|\w+(?:[._/:-]\w+)*_\w+"  # snake_case
    r"|/?\w+(?:/[\w.-]+)+"  # a path
    r"|\w+\.(?!\d)[a-z]\w{0,5}(?:\.\w+)*"  # a file, a dotted name
    r"|[a-z]+[A-Z]\w*|[A-Z]+[a-z]+[A-Z]\w*"  # camelCase
    r"|[A-Z]{2,}[0-9]*s?"  # an acronym
    r"|[A-Za-z]+[-.]?\d+(?:\.\d+)*[A-Za-z]*(?:-\w+)*"  # letters with digits: qwen3, H100
    r")(?![\w/])",
    re.ASCII,
)
# A capital that does not only begin a sentence.
_NAME: Final = re.compile(r"(?<=[a-z0-9,;)] )[A-Z][a-z]{2,}\b")
_LONE_NUMBER: Final = re.compile(rf"(?<![\w.,:])({_VALUE}){_ENDED}")

_SET: Final = re.compile(
    rf"(?<![\w.-])(?P<key>[A-Za-z][\w.-]{{1,40}})\s*(?:(?P<sign>[=:])|\bis set to|\bset to|\bis|\bat|\bof|\bto)?\s*"
    rf"(?P<value>{_VALUE}){_ENDED}"
    rf"|(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{{1,40}})=(?P<word>[A-Za-z][\w.-]{{0,40}})"
    rf"|(?P<ja>[一-龯々ァ-ヶー]{{2,20}})\s*[はをがの:=]?\s*(?P<ja_value>{_VALUE}){_ENDED}",
    re.ASCII,
)
_COUNTED: Final = re.compile(rf"(?<![\w.,:])(?P<value>{_NUMBER}) (?P<key>[a-z]{{3,30}})\b")


def normalized(text: str) -> str:
    """The text as it is compared: NFKC, no list marks, numbers as digits, units close to them."""
    text = unicodedata.normalize("NFKC", text[:TEXT_MAX_CHARS])
    text = _LIST_MARK.sub("", text)
    text = _NUMBER_WORD.sub(lambda word: _WORDS[word[0].lower()], text)
    return _SPACED_UNIT.sub("", text)


def settings(text: str) -> dict[str, set[str]]:
    """What a normalized text sets: `{"port": {"8080"}}` of "port 8080", "3 replicas", "a=b"."""
    found: dict[str, set[str]] = {}
    for key, value in _settings(text):
        key, value = key.strip(".-").casefold(), value.rstrip(".-")
        if len(key) > 1 and key not in _NO_NAME:
            found.setdefault(key, set()).add(value.casefold())
    return found


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for match in _SET.finditer(text):
        if match["ja"]:
            yield match["ja"], match["ja_value"]
        elif match["name"]:
            yield match["name"], match["word"]
        else:
            yield match["key"], match["value"]
    for match in _COUNTED.finditer(text):
        yield match["key"].removesuffix("s"), match["value"]


def terms(text: str) -> set[str]:
    """Identifiers, quoted words, names and numbers of a normalized text, casefolded."""
    found = {quoted[1] or quoted[2] for quoted in _QUOTED.finditer(text)}
    found.update(match[0] for match in _IDENTIFIER.finditer(text))
    found.update(match[0] for match in _NAME.finditer(text))
    found.update(match[1] for match in _LONE_NUMBER.finditer(text))
    return {term.strip().casefold() for term in found if term.strip()}


def decisions(text: str) -> set[str]:
    """Everything that a normalized text decides: its settings as `key = value`, and its terms.

    A setting's name and number do not count a second time.
    """
    made = settings(text)
    values = {value for values in made.values() for value in values}
    stated = {f"{key} = {value}" for key, values in made.items() for value in values}
    return stated | {term for term in terms(text) if term not in values and term not in made}


def mentions(text: str, decision: str, made: Mapping[str, set[str]]) -> bool:
    """Whether a normalized, casefolded text repeats a decision. `made`: the text's settings.

    A setting is repeated where its name has the value, or where both words stand in the text and
    the name has no other value.
    """
    key, equals, value = decision.partition(" = ")
    if not equals:
        return _stands_in(text, decision)
    values = made.get(key, set())
    return value in values or (not values and _stands_in(text, key) and _stands_in(text, value))


def _stands_in(text: str, term: str) -> bool:
    before = r"(?<![\w.,:])" if term[0].isdigit() else r"(?<![A-Za-z0-9_])"
    after = r"(?![A-Za-z0-9_])(?![.,:]\d)" if term[-1].isdigit() else r"(?![A-Za-z0-9_])"
    return re.search(before + re.escape(term) + after, text, re.ASCII) is not None
