"""An article: a Markdown file, its language, where its translation lies, and whose that file is.

A translation says in its front matter what it was made from and with, and the digest of its own
text (`stamp`). So whether a person has edited it since can be told from the file alone; such a
file is never written again.

Belongs here: names, front matter, the two files on disk. Does not: what is in the text
(`document`).
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml

from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.translation.languages import base, language_name
from model_foundry.translation.stamp import Stamp, stamp_of, stamped, unstamped
from model_foundry.whole_file import whole_file

__all__ = ["Stamp", "stamp_of", "stamped", "unstamped"]
Ownership = Literal["absent", "ours", "edited", "foreign"]

_FRONT_MATTER: Final = re.compile(
    r"\A(?P<bom>\ufeff?)---[ \t]*(?P<newline>\r?\n)(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_SUFFIX: Final = re.compile(r"\.(?P<language>[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2})\Z")
SUFFIXES: Final = (".md", ".mdx", ".markdown")
# A partition key of Dagster can hold none of these.
_UNFIT_NAME: Final = re.compile(r"[|\x00-\x1f\x7f]|\.\.\.")


class Article(NamedTuple):
    """A source file. `name` is its path below the articles' folder, with slashes."""

    name: str
    path: Path

    def read(self, max_bytes: int) -> str:
        """Its text, every byte of it: newlines are as in the file.

        Raises:
            FoundryError: it cannot be read, is too large, or is not UTF-8.
        """
        return read_text(self.path, max_bytes)


class Tree(NamedTuple):
    """Another folder for translations: each lies there as its source does below `root`."""

    root: Path
    folder: Path

    def of(self, source: Path) -> Path:
        """Where the translation of a source goes."""
        inside = os.path.relpath(source.parent.absolute(), self.root.absolute())
        return self.folder if inside.startswith("..") else self.folder / inside


class _Loader(yaml.SafeLoader):
    """Reads dates as texts: one that there is not (`2026-13-45`) is no error."""


def _as_text(_loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def find_articles(settings: Settings) -> list[Article]:
    """The sources below the articles' folder, by name; translations are left out (`foo.js.md` is
    none).

    Hidden files and folders, and what leads out of the folder, are passed over, as are names that
    no partition can have.

    Raises:
        FoundryError: there are more than `articles_max`.
    """
    root = settings.articles_root
    found: list[Article] = []
    for path in sorted(_markdown_files(root)):
        name = path.relative_to(root).as_posix()
        if _UNFIT_NAME.search(name) or _is_translation(path, settings):
            continue
        found.append(Article(name, path))
        if len(found) > settings.articles_max:
            raise FoundryError(
                f"{root} holds more than {settings.articles_max} articles: "
                "raise MODEL_FOUNDRY_ARTICLES_MAX, or name a smaller folder"
            )
    return found


def orphans(settings: Settings) -> list[Path]:
    """Translations in the articles' folder whose source is gone, as they were written here."""
    root = settings.articles_root
    found = []
    for path in sorted(_markdown_files(root)):
        if said_language(path) not in settings.articles_languages:
            continue
        try:
            stamp = stamp_of(read_text(path, settings.article_max_bytes))
        except (FoundryError, FileNotFoundError):
            continue
        if stamp is None or (source := root / stamp.source).exists():
            continue
        lies_there = path == output_path(source, stamp.language, own=stamp.source_language)
        if lies_there and ownership(path, stamp.source, settings.article_max_bytes) == "ours":
            found.append(path)
    return found


def article(settings: Settings, name: str) -> Article:
    """The article of a name.

    Raises:
        FoundryError: it is not there, or its path leads out of the articles' folder.
    """
    root = settings.articles_root
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise FoundryError(f"article {name!r} leads out of {root}")
    if not path.is_file():
        raise FoundryError(f"there is no article {name!r} in {root}")
    return Article(name, path)


def declared_language(text: str) -> str | None:
    """The language that the front matter names: `lang`, or a `language` that is one of people (and
    not `python`); else that of the stamp of a translation."""
    fields = front_matter(text)
    if isinstance(value := fields.get("lang"), str) and value.strip():
        return value.strip()
    if isinstance(value := fields.get("language"), str) and _is_language(value):
        return value.strip()
    return stamp.language if (stamp := stamp_of(text)) else None


def is_left_alone(text: str) -> bool:
    """Whether the front matter says `translate: false`."""
    return front_matter(text).get("translate") is False


def unfit_front_matter(text: str) -> str | None:
    """Why nobody may read the front matter, if that is so."""
    found = _FRONT_MATTER.match(text)
    try:
        yaml.load(found["yaml"] if found else "", Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except RecursionError:
        return "line 1: its front matter is nested too deeply"
    except (yaml.YAMLError, ValueError):
        return None
    return None


def output_path(
    source: Path, language: str, tree: Tree | None = None, *, own: str | None = None
) -> Path:
    """NAME.LANG.md beside NAME.md, or in another tree; of NAME.OWN.md too, whose language `own`
    is. (`foo.js.md` says no language.)"""
    folder = tree.of(source) if tree else source.parent
    return folder / f"{_stem(source, own)}.{language}{source.suffix}"


def said_language(source: Path) -> str | None:
    """What a name ends with, if that may be a language: `ja` of `guide.ja.md`."""
    found = _SUFFIX.search(source.stem)
    return found["language"] if found else None


def _stem(source: Path, own: str | None) -> str:
    found = _SUFFIX.search(source.stem)
    is_own = found is not None and own is not None and base(found["language"]) == base(own)
    return source.stem[: found.start()] if found and is_own else source.stem


def _is_language(code: str) -> bool:
    try:
        language_name(code)
    except ValueError:
        return False
    return True


def front_matter(text: str) -> dict[str, Any]:
    """The fields of a YAML front matter; none if there is none, or if it is not a mapping."""
    found = _FRONT_MATTER.match(text)
    try:
        fields = yaml.load(found["yaml"], Loader=_Loader) if found else None  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def ownership(path: Path, source: str, max_bytes: int) -> Ownership:
    """Whose the file of a source's translation is.

    `edited`: it was written here, and changed since. `foreign`: it was not, or for another source.
    """
    try:
        text = read_text(path, max_bytes)
    except FileNotFoundError:
        return "absent"
    except FoundryError:
        return "foreign"
    stamp = stamp_of(text)
    if stamp is None or stamp.source != source:
        return "foreign"
    return "ours" if stamp.text_sha256 == digest(unstamped(text)) else "edited"


def digest(text: str) -> str:
    """SHA-256, in hex, of the text as UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_text(path: Path, max_bytes: int) -> str:
    """A file's text, newlines as they are.

    Raises:
        FileNotFoundError: there is none.
        FoundryError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise FoundryError(
                f"{path} is larger than {max_bytes} bytes: raise MODEL_FOUNDRY_ARTICLE_MAX_BYTES"
            )
        return content.decode()
    except FileNotFoundError:
        raise
    except UnicodeDecodeError as error:
        raise FoundryError(f"{path} is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise FoundryError(f"{path} cannot be read: {error.strerror}") from error


def write_text(path: Path, text: str, *, like: Path) -> None:
    """Replace a file whole or not at all; who may not read `like` may not read it.

    Raises:
        FoundryError: it cannot be written.
    """
    with whole_file(path, like=like) as file:
        file.write(text.encode())


def _markdown_files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            path = Path(folder) / name
            if name.endswith(SUFFIXES) and not name.startswith(".") and not path.is_symlink():
                yield path


def _is_translation(path: Path, settings: Settings) -> bool:
    found = _SUFFIX.search(path.stem)
    if found is None or found["language"] not in settings.articles_languages:
        return False
    siblings: Sequence[str] = ("", f".{settings.articles_language}")
    stem = path.stem[: found.start()]
    if any((path.parent / f"{stem}{each}{path.suffix}").is_file() for each in siblings):
        return True
    try:
        return stamp_of(read_text(path, settings.article_max_bytes)) is not None
    except (FoundryError, FileNotFoundError):
        return False
