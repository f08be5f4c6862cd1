"""Languages: their English names, the scripts they are written in, and what that implies.

Belongs here: what is known of a language by its BCP-47 code. A region or script subtag is
tolerated: `pt-BR` has a name of its own, `de-CH` is German.
"""

import re
from typing import Final

NAMES: Final = {
    "ar": "Arabic",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "ms": "Malay",
    "nl": "Dutch",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "pt-br": "Brazilian Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sr": "Serbian",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "th": "Thai",
    "tl": "Filipino",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "zh": "Chinese",
    "zh-hans": "Simplified Chinese",
    "zh-cn": "Simplified Chinese",
    "zh-hant": "Traditional Chinese",
    "zh-tw": "Traditional Chinese",
}

_KANA: Final = r"\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d"
_HAN: Final = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff々〆"
_SCRIPTS: Final = {
    "latin": r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff",
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "cyrillic": r"\u0400-\u052f",
    "hebrew": r"\u05d0-\u05ea\u05f0-\u05f4",
    "arabic": r"\u0620-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "devanagari": r"\u0900-\u097f",
    "bengali": r"\u0980-\u09ff",
    "tamil": r"\u0b80-\u0bff",
    "thai": r"\u0e00-\u0e7f",
    "hangul": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3",
    "kana": _KANA,
    "han": _HAN,
    "japanese": _KANA + _HAN,
    "foreign": r"\u0370-\u1dff\u1f00-\u1fff\u2e80-\ufaff\uff66-\uff9d\U00020000-\U0003ffff",
}
_WRITTEN_IN: Final = {
    **dict.fromkeys(("bg", "ru", "sr", "uk"), "cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "arabic"),
    "bn": "bengali",
    "el": "greek",
    "he": "hebrew",
    "hi": "devanagari",
    "ja": "japanese",
    "ko": "hangul",
    "ta": "tamil",
    "th": "thai",
    "zh": "han",
}
_PATTERNS: Final = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
# Written without spaces between words: kana, Han, their punctuation, Thai.
_UNSPACED: Final = re.compile(f"[{_KANA}{_HAN}ー・\u3000-\u303f\uff01-\uff60\u0e00-\u0e7f]")


def language_name(code: str) -> str:
    """The English name of a language: `English` for `en`, `en-GB` and `EN_us`.

    Raises:
        ValueError: the language is not known; the text lists those that are.
    """
    parts = code.strip().lower().replace("_", "-").split("-")
    for end in range(len(parts), 0, -1):
        if name := NAMES.get("-".join(parts[:end])):
            return name
    known = ", ".join(each for each in NAMES if "-" not in each)
    raise ValueError(f"language {code!r} is not known; known: {known}")


def base(code: str) -> str:
    """The language alone, without region or script: `en` of `en-GB`."""
    return code.strip().lower().replace("_", "-").split("-")[0]


def script_of(code: str) -> str:
    """The script a language is written in; Latin where nothing else is known."""
    return _WRITTEN_IN.get(base(code), "latin")


def in_script(text: str, script: str) -> int:
    """How many characters of the text are in the script (`latin`, `kana`, `japanese`, …); `foreign`
    are all that are not Latin."""
    return len(_PATTERNS[script].findall(text))


def written_in(text: str, code: str) -> bool:
    """Whether anything in the text can be of the language: a letter of its script."""
    return in_script(text, script_of(code)) > 0


def is_unspaced(character: str) -> bool:
    """Whether the character belongs to a script that puts no spaces between words."""
    return bool(_UNSPACED.match(character))


def unspaced_in(text: str) -> int:
    """How many characters of the text belong to such scripts."""
    return len(_UNSPACED.findall(text))


def joined(lines: str) -> str:
    """Text on one line: line ends become a space, or nothing between unspaced characters."""
    out = ""
    for line in lines.split("\n"):
        stripped = line.strip(" \t\r\f\v\u2028\u2029\x85")
        if not stripped:
            continue
        if out and not (is_unspaced(out[-1]) and is_unspaced(stripped[0])):
            out += " "
        out += stripped
    return out
