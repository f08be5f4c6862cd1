"""Languages: their English names, the scripts they are written in, and what that implies.

Belongs here: what is known of a language by its BCP-47 code. A region or script subtag
counts where what is written differs (`pt-BR`, `zh-TW`, `sr-Latn`); elsewhere it is tolerated:
`de-CH` is German.
"""

import re
from typing import Final

NAMES: Final = {
    "af": "Afrikaans",
    "ar": "Arabic",
    "az": "Azerbaijani",
    "be": "Belarusian",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "bs": "Bosnian",
    "ca": "Catalan",
    "cs": "Czech",
    "cy": "Welsh",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "eo": "Esperanto",
    "es": "Spanish",
    "es-419": "Latin American Spanish",
    "et": "Estonian",
    "eu": "Basque",
    "fa": "Persian",
    "fi": "Finnish",
    "fil": "Filipino",
    "fr": "French",
    "fr-ca": "Canadian French",
    "ga": "Irish",
    "gl": "Galician",
    "he": "Hebrew",
    "hi": "Hindi",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "is": "Icelandic",
    "it": "Italian",
    "ja": "Japanese",
    "kk": "Kazakh",
    "ko": "Korean",
    "lt": "Lithuanian",
    "lv": "Latvian",
    "mk": "Macedonian",
    "mn": "Mongolian",
    "mr": "Marathi",
    "ms": "Malay",
    "mt": "Maltese",
    "nb": "Norwegian Bokmål",
    "ne": "Nepali",
    "nl": "Dutch",
    "nn": "Norwegian Nynorsk",
    "no": "Norwegian",
    "pl": "Polish",
    "pt": "Portuguese",
    "pt-br": "Brazilian Portuguese",
    "pt-pt": "European Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sq": "Albanian",
    "sr": "Serbian",
    "sr-latn": "Serbian in Latin script",
    "sv": "Swedish",
    "sw": "Swahili",
    "ta": "Tamil",
    "th": "Thai",
    "tl": "Filipino",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "uz": "Uzbek",
    "vi": "Vietnamese",
    "zh": "Chinese",
    "zh-cn": "Simplified Chinese",
    "zh-hans": "Simplified Chinese",
    "zh-hant": "Traditional Chinese",
    "zh-hk": "Traditional Chinese",
    "zh-mo": "Traditional Chinese",
    "zh-sg": "Simplified Chinese",
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
    **dict.fromkeys(("be", "bg", "kk", "mk", "mn", "ru", "sr", "uk"), "cyrillic"),
    **dict.fromkeys(("ar", "fa", "ur"), "arabic"),
    **dict.fromkeys(("hi", "mr", "ne"), "devanagari"),
    "bn": "bengali",
    "el": "greek",
    "he": "hebrew",
    "ja": "japanese",
    "ko": "hangul",
    "ta": "tamil",
    "th": "thai",
    "zh": "han",
}
# A script that a code names (`sr-Latn`), where it is not the language's usual one.
_SCRIPT_TAGS: Final = {
    "latn": "latin",
    "cyrl": "cyrillic",
    "arab": "arabic",
    "deva": "devanagari",
    "hans": "han",
    "hant": "han",
}
# Chinese by region: what is written there.
_HAN_OF: Final = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}
_CODE: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_PATTERNS: Final = {name: re.compile(f"[{ranges}]") for name, ranges in _SCRIPTS.items()}
# Written without spaces between words: kana, Han, their punctuation, Thai.
_UNSPACED: Final = re.compile(f"[{_KANA}{_HAN}ー・\u3000-\u303f\uff01-\uff60\u0e00-\u0e7f]")


def language_name(code: str) -> str:
    """The English name of a language: `English` for `en`, `en-GB` and `EN_us`.

    Raises:
        ValueError: the language is not known; the text lists those that are.
    """
    code = code.strip()
    parts = _parts(code) if _CODE.fullmatch(code) else []
    for end in range(len(parts), 0, -1):
        if name := NAMES.get("-".join(parts[:end])):
            return name
    known = ", ".join(each for each in NAMES if "-" not in each)
    raise ValueError(f"language {code!r} is not known; known: {known}")


def canonical(code: str) -> str:
    """The code as BCP 47 writes it: `zh-Hant-HK`, `pt-BR`.

    Raises:
        ValueError: the language is not known.
    """
    language_name(code)
    language, *rest = _parts(code)
    return "-".join([language, *(_tag(part) for part in rest)])


def same_language(one: str, other: str) -> bool:
    """Whether there is nothing to translate from one to the other: `en` and `en-GB`, but not `pt`
    and `pt-BR`, nor Chinese in its two scripts."""
    if base(one) != base(other):
        return False
    if base(one) == "zh":
        return _writing(one) == _writing(other)
    if script_of(one) != script_of(other):
        return False
    names = {NAMES.get("-".join(_parts(code)), NAMES.get(base(code))) for code in (one, other)}
    return len(names) == 1


def wider(code: str) -> list[str]:
    """The code and those that say less of the same writing, the nearest first: `ja-JP`, `ja`."""
    parts = _parts(code)
    shorter = ["-".join(parts[:end]) for end in range(len(parts), 0, -1)]
    if parts[0] == "zh":
        shorter[1:] = [f"zh-{_writing(code)}", "zh"] if len(parts) > 1 else []
    found = [each for each in shorter if _writing(each) == _writing(code)]
    return list(dict.fromkeys(canonical(each) for each in found))


def base(code: str) -> str:
    """The language alone, without region or script: `en` of `en-GB`."""
    return _parts(code)[0]


def script_of(code: str) -> str:
    """The script a language is written in; Latin where nothing else is known."""
    named = [_SCRIPT_TAGS[part] for part in _parts(code)[1:] if part in _SCRIPT_TAGS]
    return named[0] if named else _WRITTEN_IN.get(base(code), "latin")


def _writing(code: str) -> str:
    """The script, and of Chinese which of its two forms."""
    if base(code) != "zh":
        return script_of(code)
    parts = _parts(code)[1:]
    return next((each for each in map(_han, parts) if each), "hans")


def _han(part: str) -> str | None:
    return part if part in {"hans", "hant"} else _HAN_OF.get(part)


def _parts(code: str) -> list[str]:
    return code.strip().lower().replace("_", "-").split("-")


def _tag(part: str) -> str:
    if len(part) == 4 and part.isalpha():
        return part.title()
    return part.upper() if len(part) == 2 else part


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
