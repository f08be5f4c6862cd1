"""The SQL files under sql/: found, read once, handed out by name."""

import functools

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


def sql_description(name: str) -> str:
    """The comment that opens a SQL file, as one paragraph: what the file computes."""
    lines = []
    for line in load_sql(name).splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)
