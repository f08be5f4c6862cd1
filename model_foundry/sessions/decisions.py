"""What a text commits itself to, as far as patterns see it: settings, numbers, identifiers, names.

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
_ENDED: Final = r"(?![A-Za-z0-9_])"
_WORDS: Final = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
# Before or after a number they name nothing.
_NO_NAME: Final = frozenset(
    re.findall(
        r"\w+",
        "a about above after all an and any are around as at be before below between both but by "
        "can did do does each every few first for from had has have how if in into is it its last "
        "exactly found keep kept last lasts least less listen look lookup many more most much "
        "make must need next no not "
        "of on one only or other out over part per run set should so start step take takes task "
        "than "
        "that the their them then there these they this those through to too took top under up "
        "use used "
        "uses using was were what when where which who why "
        "will with would yes you your",
    )
)

_CALENDAR: Final = frozenset(
    re.findall(
        r"\w+",
        "january february march april may june july august september october november december "
        "monday tuesday wednesday thursday friday saturday sunday",
    )
)
# What people write in capitals that is no acronym.
_LOUD: Final = frozenset(
    re.findall(
        r"\w+",
        "always asap avoid both fyi goal goals input never note ok okay plan read send setup steps "
        "stop tbd todo was write yes",
    )
)
_ACRONYM_MAX_LETTERS: Final = 5
# These number a part of a text, and years tell when: neither decides anything.
_NUMBERED: Final = re.compile(
    r"\b(?:chapter|figure|item|option|page|part|phase|point|question|round|section|stage|step|"
    r"table|task|week)\s+$",
    re.IGNORECASE,
)
_WHEN: Final = re.compile(
    rf"\b(?:{'|'.join(_CALENDAR)}|before|by|from|in|of|since|to|until)\s+$", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(?:19|20)\d\d")

_LIST_MARK: Final = re.compile(
    r"^\s*(?:[-*•]|\(?\d+[.)]|#+)\s+|(?<=[.!?:] )\d+[.)] (?=[A-Z])", re.MULTILINE
)
_LOUD_RUN: Final = re.compile(r"\b[A-Z]+\b(?:[ ,:;.!&'\n-]+[A-Z]+\b)+")
_SPACED_UNIT: Final = re.compile(rf"(\d)[ \t]+({_UNIT}){_ENDED}")
_NUMBER_WORD: Final = re.compile(
    rf"(?:{'|'.join(_WORDS)})(?![A-Za-z])|(?:{'|'.join(map(str.title, _WORDS))})(?= [a-z]+s\b)"
)

_QUOTED: Final = re.compile(r"`([^`\n]{2,60})`|[「『“\"]([^「」『』“”\"\n]{2,60})[」』”\"]")
_TOKEN: Final = re.compile(r"[\w/-]+(?:[.:]+[\w/-]+)*", re.ASCII)
_IDENTIFIER: Final = re.compile(
    r"--[a-z][\w-]+"  # a flag
    r"|\w+(?:[._/:-]\w+)*_\w+"  # snake_case
    r"|/?\w+(?:/[\w.-]+)+|/\w[\w.-]+"  # a path
    r"|\w+\.(?!\d)[a-z]\w{0,6}(?:\.\w+)*"  # a file, a dotted name
    r"|[a-z]+[A-Z]\w*|[A-Z]+[a-z]+[A-Z]\w*|[A-Z]{2,}[a-z]{2,}\w*"  # camelCase, SQLite
    r"|[A-Z]{2,}[0-9]*s?"  # an acronym
    r"|[A-Za-z]+[-.]?\d+(?:\.\d+)*[A-Za-z]*(?:-\w+)*",  # letters with digits: qwen3, H100
    re.ASCII,
)
# A capital that does not only begin a sentence.
_NAME: Final = re.compile(r"[a-z0-9,;)] ([A-Z][a-z]{2,})\b")
# (Most digits of a text stand within words: they are passed over at once.)
_NUMBERS: Final = re.compile(rf"(?<![\dA-Za-z_.,/-])(?<!\d:){_VALUE}{_ENDED}(?![-/]\d)")

# What names the value that begins where the text ends.
_NAMES_VALUE: Final = re.compile(
    r"(?<![\w.-])(?:--)?([A-Za-z][\w.-]{1,40})\s*([=:]|\bis set to|\bset to|\bis|\bof|\bto)?\s*$"
    r"|([一-龯々ァ-ヶー]{2,20})\s*[はをがの:=]?\s*$",
    re.ASCII,
)
_COUNTED: Final = re.compile(r" ([a-z]{3,30})\b")
_ASSIGNED: Final = re.compile(r"=([A-Za-z][\w.-]{0,40})", re.ASCII)
_NAME_MAX_CHARS: Final = 60


# Casefolding makes Latin letters of these, which would join words that stood apart.
_LATIN: Final = str.maketrans(
    {"ß": "ss", "ẞ": "SS"} | {letter: unicodedata.normalize("NFD", letter) for letter in "İǰẖẗẘẙ"}
)


def normalized(text: str) -> str:
    """The text as it is compared: NFKC, no list marks, numbers as digits, units close to them."""
    text = text[:TEXT_MAX_CHARS]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_LATIN)
    text = _LIST_MARK.sub("", text)
    text = _LOUD_RUN.sub(_quiet, text)
    text = _NUMBER_WORD.sub(_as_digits, text)
    return _SPACED_UNIT.sub(r"\1\2", text)


def _quiet(run: re.Match[str]) -> str:
    """A heading in capitals, or what somebody shouts, in small letters; acronyms as they are."""
    words = re.findall(r"[A-Z]+", run[0])
    loud = any(len(word) > _ACRONYM_MAX_LETTERS or _is_ordinary(word) for word in words)
    return run[0].lower() if loud else run[0]


def _is_ordinary(word: str) -> bool:
    return word.casefold() in _NO_NAME | _LOUD | _CALENDAR


def _as_digits(word: re.Match[str]) -> str:
    before = word.string[word.start() - 1 : word.start()]
    return word[0] if before.isalnum() else _WORDS[word[0].lower()]


def settings(text: str) -> dict[str, set[str]]:
    """What a normalized text sets: `{"port": {"8080"}}` of "port 8080", "3 replicas", "a=b"."""
    found: dict[str, set[str]] = {}
    for name, value in _settings(text):
        key = name.strip(".-").casefold()
        if len(key) > 1 and key not in _NO_NAME | _CALENDAR:
            found.setdefault(key, set()).add(value.rstrip(".-").casefold())
    return found


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for value in _lone_numbers(text):
        before = text[max(0, value.start() - _NAME_MAX_CHARS) : value.start()]
        named = _NAMES_VALUE.search(before)
        counted = _COUNTED.match(text, value.end())
        if counted and counted[1] in _NO_NAME:
            counted = None
        # "a limit of 5", but "an article of 800 words"
        loose = counted is not None and named is not None and named[2] in {":", "of", "to"}
        if named and not loose and not _is_ordinary((named[1] or named[3]).rstrip("=:")):
            yield named[1] or named[3], value[0]
        elif counted:
            yield counted[1].removesuffix("s"), value[0]
    for assigned in _ASSIGNED.finditer(text):
        before = text[max(0, assigned.start() - _NAME_MAX_CHARS) : assigned.start()]
        if named := _NAMES_VALUE.search(before):
            yield named[1] or named[3], assigned[1]


def _lone_numbers(text: str) -> Iterator[re.Match[str]]:
    """Numbers with their unit that are no part of a word or of a longer number."""
    for value in _NUMBERS.finditer(text):
        # As they will be compared: casefolded, ß is two letters.
        before = text[value.start() - 1 : value.start()].casefold()[-1:]
        after = text[value.end() : value.end() + 1].casefold()[:1]
        joined = before.isascii() and before.isalnum()
        if joined or _joins(after, value[0][-1]):
            continue
        led = text[max(0, value.start() - _NAME_MAX_CHARS) : value.start()]
        if _NUMBERED.search(led) or (_YEAR.fullmatch(value[0]) and _WHEN.search(led)):
            continue
        yield value


def terms(text: str) -> set[str]:
    """Identifiers, quoted words, names and numbers of a normalized text, casefolded."""
    found = {quoted[0] or quoted[1] for quoted in _QUOTED.findall(text)}
    found.update(token for token in set(_TOKEN.findall(text)) if _is_identifier(token))
    unquoted = _QUOTED.sub(" ", text)
    found.update(name for name in _NAME.findall(unquoted) if not _is_ordinary(name))
    found.update(value[0] for value in _lone_numbers(unquoted))
    return {term.strip().casefold() for term in found if term.strip()}


def _is_identifier(token: str) -> bool:
    if not _IDENTIFIER.fullmatch(token):
        return False
    if token.isalpha() and token.isupper():
        return len(token) <= _ACRONYM_MAX_LETTERS and not _is_ordinary(token)
    return "/" not in token or not any(_is_ordinary(part) for part in token.split("/"))


def decisions(text: str) -> set[str]:
    """Everything that a normalized text decides: its settings as `key = value`, and its terms.

    A setting's name and number do not count a second time.
    """
    made = settings(text)
    values = {value for values in made.values() for value in values}
    stated = {f"{key} = {value}" for key, values in made.items() for value in values}
    return stated | {
        term for term in terms(text) if term not in values and term.strip("-") not in made
    }


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
    """Whether the term stands in the text by itself, as words of Latin letters do."""
    start = text.find(term)
    while start >= 0:
        end = start + len(term)
        if not (_joins(text[start - 1 : start], term[0]) or _joins(text[end : end + 1], term[-1])):
            return True
        start = text.find(term, start + 1)
    return False


def _joins(neighbour: str, edge: str) -> bool:
    """Whether a neighbouring character makes a longer word of one that begins or ends so."""
    return all(
        character.isascii() and (character.isalnum() or character == "_")
        for character in (neighbour, edge)
        if character
    ) and bool(neighbour)
