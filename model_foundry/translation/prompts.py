"""How each kind of translator slot is asked: `few-shot`, `plamo-2-translate`, `chat`.

Glossary terms and context go in as solved pairs, except that a chat model is told its terms.
Whatever is sent stands on one line, without the control tokens of chat templates and of PLaMo: a
source text can end neither its own turn nor the prompt.
"""

import re
from collections.abc import Sequence
from typing import Final

from model_foundry.fleet.file import PromptFormat
from model_foundry.slot.jobs import Request
from model_foundry.translation.languages import base, joined, language_name
from model_foundry.translation.sentences import estimated_tokens

Pair = tuple[str, str]

# A change of what is sent for the same segment is a new version: its translations are asked anew.
PROMPT_VERSIONS: Final[dict[PromptFormat, str]] = {
    "chat": "3",
    "few-shot": "2",
    "plamo-2-translate": "2",
}
CHAT_SYSTEM: Final = (
    "Translate the user's text from {source} to {target}. "
    "Answer with the translation and nothing else."
)
CHAT_MARKS: Final = (
    " Keep Markdown marks, and the numbers in backticks such as `1` and in links such as [text](2),"
    " exactly as they are; they may change places."
)
CHAT_TERMS: Final = "\nUse these terms:"

# Solved pairs for base models, each side in every language that they are known in.
_SOLVED: Final = (
    {
        "de": "Das Wetter ist heute schön.",
        "en": "The weather is nice today.",
        "es": "Hoy hace buen tiempo.",
        "fr": "Il fait beau aujourd'hui.",
        "ja": "今日は天気がいいですね。",
        "zh": "今天天气很好。",
    },
    {
        "de": "Um diese Einstellung zu ändern, starten Sie bitte den Server neu.",
        "en": "To change this setting, please restart the server.",
        "es": "Para cambiar este ajuste, reinicie el servidor.",
        "fr": "Pour modifier ce paramètre, veuillez redémarrer le serveur.",
        "ja": "この設定を変更するには、サーバーを再起動してください。",
        "zh": "要更改此设置，请重新启动服务器。",
    },
    {
        "de": "Es konnte keine Verbindung zur Datenbank hergestellt werden.",
        "en": "Could not connect to the database.",
        "es": "No se pudo conectar a la base de datos.",
        "fr": "Impossible de se connecter à la base de données.",
        "ja": "データベースに接続できませんでした。",
        "zh": "无法连接到数据库。",
    },
)
_PLAMO_CONTROL: Final = "<|plamo:"
_CONTROL: Final = re.compile(
    r"<\|plamo:|<\|[\w.:/-]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>"
    r"|<(?:start_of_turn|end_of_turn|bos|eos|pad|unk)>"
)


def keeps_marks(prompt_format: PromptFormat) -> bool:
    """Whether segments may have marks (`document`): not for base models, which lose them."""
    return prompt_format != "few-shot"


def solved_pairs(prompt_format: PromptFormat, source: str, target: str) -> list[Pair]:
    """The examples that every prompt of a format has, each a source and its translation."""
    if prompt_format != "few-shot" or base(source) == base(target):  # of one base there is one text
        return []
    known = [(pair.get(base(source)), pair.get(base(target))) for pair in _SOLVED]
    return [(said, translated) for said, translated in known if said and translated]


def answer_tokens(text: str) -> int:
    """Tokens that a segment's translation may take: a looping model ends there."""
    return 64 + 3 * estimated_tokens(text)


def translation_request(
    text: str,
    *,
    prompt_format: PromptFormat,
    source: str,
    target: str,
    max_tokens: int,
    glossary: Sequence[Pair] = (),
    context: Sequence[Pair] = (),
) -> Request:
    """The request that asks a slot of a prompt format for one segment's translation.

    `glossary` are the terms of the segment, `context` what was translated before it, the nearest
    last; each a source and its translation.

    Raises:
        ValueError: a language is not known.
    """
    from_name, to_name = language_name(source), language_name(target)
    line = harmless(text)
    terms = [(harmless(term), harmless(translated)) for term, translated in glossary]
    before = [(harmless(said), harmless(translated)) for said, translated in context]
    if prompt_format == "few-shot":
        solved = solved_pairs(prompt_format, source, target)
        return Request(
            endpoint="completion",
            prompt="".join(
                f"{from_name}: {said}\n{to_name}: {translated}\n\n"
                for said, translated in [*solved, *terms, *before]
            )
            + f"{from_name}: {line}\n{to_name}:",
            temperature=0.0,
            max_tokens=max_tokens,
            stop=("\n",),
        )
    if prompt_format == "plamo-2-translate":
        head, tail = (
            f"{_PLAMO_CONTROL}op|>input lang={from_name}\n",
            f"\n{_PLAMO_CONTROL}op|>output lang={to_name}\n",
        )
        return Request(
            endpoint="completion",
            prompt=f"{_PLAMO_CONTROL}op|>dataset\ntranslation\n"
            + "".join(f"{head}{said}{tail}{translated}\n" for said, translated in [*terms, *before])
            + f"{head}{line}{tail}",
            temperature=0.0,
            max_tokens=max_tokens,
            stop=(f"{_PLAMO_CONTROL}op|>",),
        )
    system = CHAT_SYSTEM.format(source=from_name, target=to_name) + CHAT_MARKS
    if terms:
        system += CHAT_TERMS + "".join(f"\n- {term} → {translated}" for term, translated in terms)
    turns = [
        turn
        for said, translated in before
        for turn in (
            {"role": "user", "content": said},
            {"role": "assistant", "content": translated},
        )
    ]
    return Request(
        messages=[
            {"role": "system", "content": system},
            *turns,
            {"role": "user", "content": line},
        ],
        temperature=0.0,
        max_tokens=max_tokens,
    )


def harmless(text: str) -> str:
    """A text on one line, without control tokens, nor what would be one once another is gone."""
    while (without := _CONTROL.sub("", text)) != text:
        text = without
    return joined(text)
