"""What a summary's SQL says of its columns, read by sqlglot: where they come from, their comments.

Belongs here: a statement taken apart. Does not: running it (`compute`).
"""

import functools
from collections.abc import Mapping

Schema = Mapping[str, Mapping[str, str]]
"""Table → column → type."""


def column_sources(statement: str, schema: Schema) -> Mapping[str, list[tuple[str, str]]]:
    """The columns of tables that each column of a query is computed from, sorted.

    What only filters, joins or groups rows is not among them, and neither is what a function makes.

    Raises:
        ValueError: sqlglot cannot follow this statement.
    """
    columns = ((table, tuple(types.items())) for table, types in schema.items())
    return _column_sources(statement, tuple(columns))


@functools.lru_cache(maxsize=64)
def _column_sources(
    statement: str, columns: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
) -> Mapping[str, list[tuple[str, str]]]:
    """Found once for all days of a summary: it takes a tenth of a second."""
    from sqlglot import exp, lineage  # noqa: PLC0415 - takes 0.3 s, and few processes need it
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    schema = {table: dict(types) for table, types in columns}
    try:
        # Trimming would copy the whole query for each column, most of the work.
        nodes = lineage.lineage(None, statement, schema, dialect="duckdb", trim_selects=False)
    except SqlglotError as error:
        raise ValueError(str(error)) from error
    return {
        column: sorted(
            {
                (leaf.expression.name, leaf.name.rpartition(".")[2])
                for leaf in node.walk()
                if isinstance(leaf.expression, exp.Table) and leaf.expression.name in schema
            }
        )
        for column, node in nodes.items()
    }


@functools.lru_cache(maxsize=64)
def column_comments(statement: str) -> Mapping[str, str]:
    """The comments beside the columns of a query; none where sqlglot cannot follow it."""
    from sqlglot import exp, parse_one  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    found: dict[str, str] = {}
    try:
        parsed = parse_one(statement, into=exp.Select, dialect="duckdb")
    except SqlglotError:
        return found
    for selected in parsed.selects:
        comments = [comment for node in selected.walk() for comment in node.comments or ()]
        if comments:
            found[selected.alias_or_name] = " ".join(comment.strip() for comment in comments)
    return found
