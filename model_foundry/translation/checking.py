"""A translation beside its source, whoever made it: what is wrong with it, with lines.

Belongs here: findings on two files that are there. Does not: what a finding is (`quality`).
"""

from pathlib import Path
from typing import NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.anchors import style_of, unanchored
from model_foundry.translation.article import Stamp, read_text, stamp_of, stamped, unstamped
from model_foundry.translation.document import Document
from model_foundry.translation.glossary import Glossary
from model_foundry.translation.links import broken, relinked
from model_foundry.translation.quality import judge_document
from model_foundry.translation.siblings import Siblings


class Checked(NamedTuple):
    """Something about a translation; one that `blocks` would keep ours from being published."""

    code: str
    words: str
    blocks: bool


def check(
    source: Path,
    translation: Path,
    *,
    languages: tuple[str, str],
    glossary: Glossary | None,
    settings: Settings,
) -> list[Checked]:
    """Findings on a translation, with links that lead nowhere among them.

    Raises:
        FoundryError: a file cannot be read.
    """
    try:
        text = read_text(source, settings.article_max_bytes)
        whole = read_text(translation, settings.article_max_bytes)
    except FileNotFoundError as error:
        raise FoundryError(f"there is no file {error.filename}") from error
    style = style_of(source)
    place = Siblings().place(source, translation, languages[1])
    # Its links may be written for where it lies, or be its source's.
    candidates = [
        [
            Checked(each.code, each.words, each.blocks)
            for each in judge_document(
                Document(_stamped_as(whole, links, languages), front_matter_keys=keys),
                unanchored(whole, text, style),
                source=languages[0],
                target=languages[1],
                glossary=glossary,
            ).findings
        ]
        for keys in [settings.translation_front_matter_keys]
        for links in dict.fromkeys((relinked(text, place), text))
    ]
    found = min(candidates, key=lambda each: sum(finding.blocks for finding in each))
    return found + [
        Checked("link", f"line {line} of the translation: {url}: {why}", blocks=False)
        for line, url, why in broken(whole, translation, style.slugger)
    ]


def _stamped_as(translation: str, source: str, languages: tuple[str, str]) -> str:
    """The source with the stamp that the translation has, so that lines are those of the files."""
    stamp = stamp_of(translation)
    if stamp is not None:
        return stamped(source, stamp)
    return unstamped(stamped(source, Stamp("", "", *languages, "", "", "", "")))
