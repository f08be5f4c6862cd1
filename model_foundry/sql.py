"""The SQL files under sql/: found, read once, handed out by name."""

import functools
import hashlib
import itertools

from model_foundry.paths import data_path


@functools.cache
def load_sql(name: str) -> str:
    """Text of `sql/<name>.sql`, e.g. `load_sql("postgres/flatten/llm_chat")`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the name would leave sql/.
    """
    root = data_path("sql").resolve()
    path = (root / f"{name}.sql").resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"SQL name {name!r} leaves {root}")
    return path.read_text(encoding="utf-8")


def sql_names(folder: str) -> tuple[str, ...]:
    """Names of the SQL files of one folder of sql/, sorted: `sql_names("duckdb")`."""
    return tuple(sorted(path.stem for path in (data_path("sql") / folder).glob("*.sql")))


def sql_digest(*names: str, more: str = "") -> str:
    """A short digest of SQL files, and of `more`: another one as soon as one of them changes."""
    return text_digest(*(load_sql(name) for name in names), more)


def text_digest(*texts: str) -> str:
    """Likewise of statements."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def sql_description(name: str) -> str:
    """The comment that opens a SQL file, its paragraphs kept apart: what the file computes."""
    return opening_comment(load_sql(name))


def opening_comment(statement: str) -> str:
    """The comment that a statement begins with, its paragraphs kept apart."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), statement.splitlines())
    text = "\n".join(line.removeprefix("--").strip() for line in lines)
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in text.split("\n\n"))
