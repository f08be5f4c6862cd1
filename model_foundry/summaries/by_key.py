"""A summary of sessions or conversations: computed in portions, and again only of those with news.

A portion is so much of what began after each other: memory is bounded by it, and the files'
statistics keep the rest of the day unread.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from model_foundry import lake
from model_foundry.settings import Settings
from model_foundry.sql import load_sql
from model_foundry.summaries.compute import (
    Computed,
    Outside,
    Summary,
    make_macros,
    reaches_back,
    summary_of,
)


class Key(NamedTuple):
    """What tells one from another.

    Attributes:
        expression: SQL, over the columns of a table that has `columns`.
        columns: of a table, and of the summary; the first that is not NULL is the key.
        table: whose rows say from when to when each had some, by the SQL `spans`.
        among: the condition for those of a portion.
    """

    expression: str
    columns: tuple[str, ...]
    table: str
    spans: str
    among: str


SESSION: Final = Key(
    "correlation_id",
    ("correlation_id",),
    "event_inbox",
    "duckdb/sessions/spans",
    "correlation_id IN (SELECT key FROM key_of_portion)",
)
CONVERSATION: Final = Key(
    "conversation_key(conversation_id, correlation_id)",
    ("conversation_id", "correlation_id"),
    "llm_chat",
    "duckdb/conversations/spans",
    "conversation_key(conversation_id, correlation_id) IN (SELECT key FROM key_of_portion)",
)
NO_KEYS: Final = pa.schema({"key": pa.string()}).empty_table()


def key_of(summary: Summary) -> Key | None:
    """By what a summary can be computed in portions; None: only as a whole."""
    if reaches_back(summary):
        return SESSION
    return CONVERSATION if "conversation_key(" in summary.statement else None


class _Portion(NamedTuple):
    """Keys, and between which moments they had events, as SQL says it."""

    keys: pa.Table
    moments: str


class ByKey(NamedTuple):
    """Days of the lake, the last of which a summary is of, shown by a connection.

    Attributes:
        inputs: these days, of each table that the summary reads.
    """

    key: Key
    settings: Settings
    connection: duckdb.DuckDBPyConnection
    inputs: Sequence[lake.LakeDay]

    def summarize(
        self, summary: Summary, unread: lake.Unread | None, *, outside: Outside
    ) -> Computed:
        """The day; with `unread`, rows of sessions or conversations without new events stay."""
        make_macros(self.connection)
        wanted = None if unread is None else self._keys_in(unread.files)
        rows = []
        if unread is not None and wanted is not None:
            rows.append(self._without(unread.rows, wanted))
        stayed = sum(each.num_rows for each in rows)
        days = [each.day for each in self.inputs]

        def computed() -> pa.Table:
            return summary_of(self.connection, summary, max(days), min(days), outside=outside)

        for portion in self._portions(max(days), wanted):
            with self._shown(self.inputs, portion.keys, portion.moments):
                rows.append(computed())
        if not rows:
            lake.show(self.settings, self.connection, self.inputs)
            rows.append(computed())
        whole = pa.concat_tables(rows)
        return Computed(whole, whole.num_rows - stayed, wanted)

    def _keys_in(self, parts: Mapping[str, Sequence[lake.LakeFile]]) -> pa.Table:
        """Those that these files have rows of, in a column `key`."""
        place = lake.lake_of(self.settings)
        found = [
            self.connection.read_parquet(
                [place.address(file.path) for file in files],
                union_by_name=True,
                hive_partitioning=False,
            )
            .project(f"{self.key.expression} AS key")
            .filter("key IS NOT NULL")
            .distinct()
            .to_arrow_table()
            for files in parts.values()
        ]
        return pa.concat_tables([NO_KEYS, *found]).group_by("key").aggregate([])

    def _without(self, rows: pa.Table, keys: pa.Table) -> pa.Table:
        of_rows = pc.coalesce(*(rows[column] for column in self.key.columns))
        return rows.filter(pc.invert(pc.is_in(of_rows, keys["key"].combine_chunks())))

    def _portions(self, day: date, wanted: pa.Table | None) -> Iterator[_Portion]:
        """The wanted ones (None: all) of the last day, in the order in which they began."""
        of_all = [each for each in self.inputs if each.table == self.key.table]
        parameters = {"day": day, "portion": self.settings.session_portion_events}
        with self._shown(of_all, wanted):
            spans = self.connection.sql(
                load_sql(self.key.spans), params=parameters
            ).to_arrow_table()
        for number in pc.unique(spans["portion_no"]).to_pylist():
            portion = spans.filter(pc.equal(spans["portion_no"], number))
            began_at, ended_at = pc.min(portion["began_at"]), pc.max(portion["ended_at"])
            yield _Portion(
                portion.select(["key"]),
                f"occurred_at BETWEEN TIMESTAMPTZ '{began_at.as_py().isoformat()}' "
                f"AND TIMESTAMPTZ '{ended_at.as_py().isoformat()}'",
            )

    @contextlib.contextmanager
    def _shown(
        self, days: Sequence[lake.LakeDay], keys: pa.Table | None, moments: str = "TRUE"
    ) -> Iterator[None]:
        """Show the rows of these (None: all rows), in a table that has moments only theirs."""
        if keys is None:
            lake.show(self.settings, self.connection, days)
            yield
            return
        self.connection.register("key_of_portion", keys)
        only = {self.key.columns[0]: self.key.among, "occurred_at": moments}
        lake.show(self.settings, self.connection, days, only=only)
        try:
            yield
        finally:
            self.connection.unregister("key_of_portion")
