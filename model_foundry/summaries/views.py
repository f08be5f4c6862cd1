"""`foundry.duckdb`: a view for every table and summary, which anyone may open at any time.

It holds nothing else and is replaced when the set of views, or their columns, change: whole, or as
a copy to which the new ones are added. A view
lists the lake's files when a query begins, takes the live ones, and reads nothing else.
"""

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

import duckdb

from model_foundry import lake
from model_foundry.errors import FoundryError
from model_foundry.settings import Settings
from model_foundry.settings.files import make_home
from model_foundry.sql import load_sql, sql_names
from model_foundry.whole_file import WRITING, whole_file

# More files than a table will have, and any number but a guess of one: the small side is hashed.
_ROWS: Final = 10_000_000
_OLD_S: Final = 3600.0
_MACROS: Final = ("lake_day", "is_lake_file", "live_files")
# What names the day of each row where a file holds one day, and says so in its name.
_DAY_COLUMNS: Final = ("occurred_on", "day")


class _Made(NamedTuple):
    """What this process knows a file to be made from, as long as neither has changed since.

    Attributes:
        changed_ns: when the file was written.
        asked: what the views were made for.
        views: their statements.
        complete: whether every roll-up could be made.
    """

    changed_ns: int | None
    asked: object
    views: Mapping[str, str]
    complete: bool


_made: Final[dict[Path, _Made]] = {}


def open_views(settings: Settings) -> duckdb.DuckDBPyConnection:
    """`foundry.duckdb`, read-only, able to read the lake wherever it lies.

    In a home that was moved or copied it is made anew first: its views name another folder.

    Raises:
        FoundryError: there is none yet, or it cannot be opened.
    """
    path = settings.home / "foundry.duckdb"
    if path.exists() and _root_of(path) != _root(lake.lake_of(settings)):
        try:
            publish_views(settings)
        except OSError as error:
            raise FoundryError(
                f"{path} is of another folder, and cannot be made anew: {error.strerror}"
            ) from None
    if not path.exists():
        raise FoundryError(
            f"there is no {path} yet: materialize a summary (`make run` does), or set "
            "MODEL_FOUNDRY_HOME to where one is"
        )
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise FoundryError(f"{path} cannot be opened: {error}") from None
    lake.lake_of(settings).register_in(connection)
    return connection


def publish_views(settings: Settings, names: Sequence[str] | None = None) -> Path:
    """Make `foundry.duckdb` what the lake's columns ask for; who has the old one open keeps it.

    `names` instead of every table and summary.
    """
    # Arrow, functions in Python: whoever only reads the file does without.
    from model_foundry.summaries.compute import macros, rollups  # noqa: PLC0415
    from model_foundry.summaries.own import summary_names  # noqa: PLC0415

    if names is None:
        names = (*lake.LAKE_TABLES, *summary_names(settings))
    target = settings.home / "foundry.duckdb"
    make_home(settings.home)
    place = lake.lake_of(settings)
    with _locked(settings.home / ".views.lock"):
        asked = place.columns_kept(), tuple(names)
        made = _still_made(target)
        if made is not None and made.asked == asked:
            return target
        views = dict(_views(place, names))
        functions = [*(load_sql(f"views/{name}") for name in _MACROS), *macros()]
        whole = [*functions, *views.values(), *chain(*rollups(views))]
        digest = hashlib.sha256("\n".join(whole).encode()).hexdigest()
        if made is None and _digest_of(target) == digest:
            _made[target] = _Made(_changed_ns(target), asked, views, complete=True)
            return target
        # Not in the home: DuckDB takes a ? in a path for the end of it when it names its log.
        with tempfile.TemporaryDirectory(prefix="model-foundry-views-") as folder:
            written = Path(folder) / target.name
            if made is not None and made.complete and made.views.items() <= views.items():
                shutil.copyfile(target, written)  # what it lacks is added
                functions = []
                new = {name: views[name] for name in views.keys() - made.views.keys()}
            else:
                new = views
            with duckdb.connect(str(written)) as connection:
                place.register_in(connection)
                for statement in (*functions, *new.values()):
                    connection.execute(statement)
                complete = _roll_up(connection, rollups(new))
                told = f"'{digest}'" if complete else "NULL"
                connection.execute(f"COMMENT ON MACRO TABLE live_files IS {told}")
                root = _literal(_root(place))
                connection.execute(f"COMMENT ON MACRO is_lake_file IS {root}")
            with written.open("rb") as made_file, whole_file(target) as file:
                shutil.copyfileobj(made_file, file)
            _made[target] = _Made(_changed_ns(target), asked, views, complete)
    return target


def remove_unfinished(settings: Settings) -> None:
    """What a process that was killed has left of a `foundry.duckdb` it was writing."""
    with _locked(settings.home / ".views.lock"):
        for left in settings.home.glob(".views-*"):
            shutil.rmtree(left, ignore_errors=True)
        for left in settings.home.glob(f"{WRITING}*"):
            if left.lstat().st_mtime < time.time() - _OLD_S:  # another file's, perhaps
                left.unlink(missing_ok=True)


def _still_made(target: Path) -> _Made | None:
    """What this process knows of the file; None if it is gone or another has written it since."""
    made = _made.get(target)
    return made if made is not None and made.changed_ns == _changed_ns(target) else None


def _changed_ns(target: Path) -> int | None:
    try:
        return target.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _roll_up(connection: duckdb.DuckDBPyConnection, rolled_up: list[list[str]]) -> bool:
    """Make the roll-ups; whether all of them could be made."""
    complete = True
    for statements in rolled_up:
        try:
            for statement in statements:
                connection.execute(statement)
        except duckdb.BinderException:
            complete = False  # what is kept of that summary is all of an earlier version
    return complete


def _views(place: lake.Lake, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and statement of one view for each of these that the lake has columns of.

    The listing that decides is bound before the one that is read: it must not know of a file that
    the other does not. With `schema`, DuckDB opens no file to find out the columns, and a file
    from before a column was added has NULL in it.

    The day of a row is that of its file's name, so a condition on it opens that day's files alone.
    What only lies there is never opened, by the condition on its name.

    The join is by an expression: of a plain `filename = filename`, DuckDB prunes the list of files
    where one is live, in one of the two scans that it makes of a wide `QUALIFY row_number() … = 1`,
    and then finds no row of the other (docs/duckdb-qualify.md).
    """
    dated = {*lake.LAKE_TABLES, *sql_names("duckdb")}
    for name in names:
        if (schema := lake.schema_of(place, name)) is None:
            continue
        files, folder = _literal(place.pattern(name)), _literal(place.address(place.folder(name)))
        columns_only = _literal(place.address(place.schema_path(name)))  # a table may have no files
        columns = duckdb.from_arrow(schema.empty_table())
        typed = ", ".join(
            f"{_literal(column)}: {{name: {_literal(column)}, type: {_literal(str(kind))}, "
            "default_value: NULL}"
            for column, kind in zip(columns.columns, columns.types, strict=True)
        )
        options = (
            f"schema = MAP {{{typed}}}, filename = true, allow_empty = true, "
            f"explicit_cardinality = {_ROWS}"
        )
        day = "".join(
            f" REPLACE (lake_day(rows.filename) AS {column})"
            for column, kind in zip(columns.columns, columns.types, strict=True)
            if column in _DAY_COLUMNS and str(kind) == "DATE" and name in dated
        )
        yield (
            name,
            f'CREATE VIEW "{name}" AS SELECT rows.* EXCLUDE (filename){day} '  # noqa: S608
            f"FROM live_files({files}, {folder}) AS live RIGHT JOIN "
            f"read_parquet([{columns_only}, {files}], {options}) AS rows "
            "ON live.name = parse_filename(rows.filename) "
            f"WHERE live.name IS NOT NULL AND is_lake_file(rows.filename, {folder})",
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _root(place: lake.Lake) -> str:
    return place.address(place.root)


def _root_of(path: Path) -> str | None:
    """Of which lake the views are."""
    return _comment(path, "is_lake_file")


def _digest_of(path: Path) -> str | None:
    return _comment(path, "live_files")


def _comment(path: Path, macro: str) -> str | None:
    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            [(comment,)] = connection.execute(
                "SELECT comment FROM duckdb_functions() WHERE function_name = ?", [macro]
            ).fetchall()
    except (duckdb.Error, ValueError):
        return None  # of another version, or damaged: made anew
    return None if comment is None else str(comment)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
