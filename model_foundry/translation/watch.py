"""Which translations have to be made again, by what lies in the articles' folder and what is known.

Belongs here: looking, as often as a sensor looks: a file is read once for as long as it does not
change. Does not: runs and partitions (`defs.articles`).
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.article import (
    Article,
    declared_language,
    digest,
    find_articles,
    is_left_alone,
    output_path,
    ownership,
    read_text,
)
from model_foundry.translation.languages import same_language
from model_foundry.translation.links import links, localized
from model_foundry.translation.publish import glossary_of
from model_foundry.translation.siblings import Siblings

# A look that has read links for so long leaves the rest to the next one.
LOOK_S: Final = 10.0


class Seen(NamedTuple):
    """An article as it is now; `is_left_alone`: it says so itself."""

    article: Article
    sha256: str
    language: str
    is_left_alone: bool


def seen(settings: Settings) -> dict[str, Seen]:
    """The articles by their names; one that nobody can read is not among them."""
    found = {}
    for each in find_articles(settings):
        try:
            read = _read(*_state(each.path), settings.article_max_bytes)
        except FileNotFoundError:
            continue
        if read is not None:
            sha256, language, alone = read
            known = language or settings.articles_language
            found[each.name] = Seen(each, sha256, known, alone)
    return found


def stale_translations(
    settings: Settings,
    found: Mapping[str, Seen],
    latest: Mapping[tuple[str, str], Mapping[str, Any]],
) -> set[tuple[str, str]]:
    """Articles and languages whose translation is to be made, or looked at, again.

    `latest` is how each ended last (`latest.sql`).

    Raises:
        FoundryError: a glossary is wrong.
    """
    versions: dict[tuple[str, str], str] = {}
    stale = set()
    look = _Look(settings)
    for name, each in found.items():
        for language in settings.articles_languages:
            if each.is_left_alone or same_language(each.language, language):
                continue
            if (each.language, language) not in versions:
                glossary = glossary_of(settings, each.language, language)
                versions[each.language, language] = glossary.version if glossary else ""
            row = latest.get((name, language))
            if (
                row is None
                or row["source_sha256"] != each.sha256
                or row["glossary_version"] != versions[each.language, language]
                or look.finds_news(each, language, row)
            ):
                stale.add((name, language))
    return stale


class _Look:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._siblings = Siblings()
        self._until = monotonic() + LOOK_S

    def finds_news(self, found: Seen, language: str, row: Mapping[str, Any]) -> bool:
        """Whether something has changed about a translation of what an article still is."""
        if row["status"] == "not_published":
            return bool(row["is_decided_since"])
        if row["status"] == "skipped":
            return False
        output = output_path(found.article.path, language, own=found.language)
        try:
            state = _state(output)
        except FileNotFoundError:
            return True
        if row["status"] == "kept":
            return bool(state[1] > row["translated_at"].timestamp() * 1e9)
        edited = _is_edited(*state, found.article.name, self._settings.article_max_bytes)
        return edited or self._leads_elsewhere(found.article.path, state, language)

    def _leads_elsewhere(self, source: Path, state: tuple[Path, int, int], language: str) -> bool:
        """Whether a link should: a sibling's translation has come, or is gone."""
        if not self._settings.translation_links or monotonic() > self._until:
            return False
        place = self._siblings.place(source, state[0], language)
        wanted = sorted(localized(url, place) for url in _links(*_state(source)))
        return wanted != sorted(_links(*state))


def _state(path: Path) -> tuple[Path, int, int]:
    """A file, and what is another whenever it was written."""
    stat = path.stat()
    return path, stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=100_000)
def _read(
    path: Path, _mtime_ns: int, _size: int, max_bytes: int
) -> tuple[str, str | None, bool] | None:
    """Digest and language of a file, and whether it is to be left alone."""
    try:
        text = read_text(path, max_bytes)
    except (FoundryError, FileNotFoundError):
        return None
    return digest(text), declared_language(text), is_left_alone(text)


@lru_cache(maxsize=100_000)
def _is_edited(path: Path, _mtime_ns: int, _size: int, source: str, max_bytes: int) -> bool:
    return ownership(path, source, max_bytes) == "edited"


@lru_cache(maxsize=100_000)
def _links(path: Path, _mtime_ns: int, size: int) -> tuple[str, ...]:
    try:
        return tuple(link.url for link in links(read_text(path, size)))
    except (FoundryError, FileNotFoundError):
        return ()
