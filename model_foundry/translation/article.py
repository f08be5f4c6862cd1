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
from model_foundry.translation.stamp import Stamp, stamp_of, stamped, unstamped
from model_foundry.whole_file import whole_file

__all__ = ["Stamp", "stamp_of", "stamped", "unstamped"]
Ownership = Literal["absent", "ours", "edited", "foreign"]

_FRONT_MATTER: Final = re.compile(
    r"\A(?P<bom>\ufeff?)---[ \t]*(?P<newline>\r?\n)(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M
)
_SUFFIX: Final = re.compile(r"\.(?P<language>[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})?)\Z")
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


def find_articles(settings: Settings) -> list[Article]:
    """The sources below the articles' folder, by name; translations are left out.

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
    """`lang` (or `language`) of the front matter, if it says one."""
    fields = front_matter(text)
    for key in ("lang", "language"):
        if isinstance(value := fields.get(key), str) and value.strip():
            return value.strip()
    return None


def output_path(source: Path, language: str, folder: Path | None = None) -> Path:
    """NAME.LANG.md beside NAME.md (or in `folder`); of NAME.ja.md too, if it says its language."""
    stem = _SUFFIX.sub("", source.stem)
    return (folder or source.parent) / f"{stem}.{language}{source.suffix}"


def front_matter(text: str) -> dict[str, Any]:
    """The fields of a YAML front matter; none if there is none, or if it is not a mapping."""
    found = _FRONT_MATTER.match(text)
    try:
        fields = yaml.safe_load(found["yaml"]) if found else None
    except yaml.YAMLError:
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
            if name.endswith(".md") and not name.startswith(".") and not path.is_symlink():
                yield path


def _is_translation(path: Path, settings: Settings) -> bool:
    found = _SUFFIX.search(path.stem)
    if found is None or found["language"] not in settings.articles_languages:
        return False
    siblings: Sequence[str] = ("", f".{settings.articles_language}")
    stem = _SUFFIX.sub("", path.stem)
    if any((path.parent / f"{stem}{each}{path.suffix}").is_file() for each in siblings):
        return True
    try:
        return stamp_of(read_text(path, settings.article_max_bytes)) is not None
    except (FoundryError, FileNotFoundError):
        return False
