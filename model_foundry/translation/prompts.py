"""How each kind of translator slot is asked: `few-shot`, `plamo-2-translate`, `chat`."""

from model_foundry.inference.fleet import PromptFormat
from model_foundry.inference.jobs import Request

LANGUAGES = {"en": "English", "ja": "Japanese"}

# Solved pairs for base models, each side in every language that a pair may be asked for.
_SOLVED = (
    {"ja": "今日は天気がいいですね。", "en": "The weather is nice today."},
    {
        "ja": "この設定を変更するには、サーバーを再起動してください。",
        "en": "To change this setting, please restart the server.",
    },
    {"ja": "データベースに接続できませんでした。", "en": "Could not connect to the database."},
)
_PLAMO_CONTROL = "<|plamo:"


def translation_request(
    text: str, *, prompt_format: PromptFormat, source: str, target: str, max_tokens: int
) -> Request:
    """The request that asks a slot of a prompt format for one line's translation.

    Raises:
        ValueError: a language is not one of LANGUAGES.
    """
    for language in (source, target):
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is not known; known: {', '.join(LANGUAGES)}")
    line = " ".join(text.replace(_PLAMO_CONTROL, "").split())
    from_name, to_name = LANGUAGES[source], LANGUAGES[target]
    if prompt_format == "few-shot":
        solved = "".join(
            f"{from_name}: {pair[source]}\n{to_name}: {pair[target]}\n\n" for pair in _SOLVED
        )
        return Request(
            endpoint="completion",
            prompt=f"{solved}{from_name}: {line}\n{to_name}:",
            temperature=0.0,
            max_tokens=max_tokens,
            stop=("\n",),
        )
    if prompt_format == "plamo-2-translate":
        return Request(
            endpoint="completion",
            prompt="<|plamo:op|>dataset\ntranslation\n"
            f"<|plamo:op|>input lang={from_name}\n{line}\n<|plamo:op|>output lang={to_name}\n",
            temperature=0.0,
            max_tokens=max_tokens,
            stop=("<|plamo:op|>",),
        )
    return Request(
        messages=[
            {
                "role": "system",
                "content": f"Translate the user's text from {from_name} to {to_name}. "
                "Answer with the translation and nothing else.",
            },
            {"role": "user", "content": line},
        ],
        temperature=0.0,
        max_tokens=max_tokens,
    )
