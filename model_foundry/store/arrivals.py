"""Which sessions of a day have had events since it was summarized: the others keep their rows.

A summary says which parts of the lake it was made of. What came later lies in parts of higher
numbers; a merged one among them holds some of the earlier rows too, which costs but does no harm.
"""

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from model_foundry.store import lake


def made_of(version: str, inputs: Iterable[lake.LakeDay]) -> lake.Made:
    """What a summary of these lake days says that it was made of."""
    return lake.Made(
        version, {_key(each, file): file.last for each in inputs for file in each.files}
    )


def parts_since(
    made: lake.Made | None, version: str, inputs: Iterable[lake.LakeDay]
) -> dict[str, list[lake.LakeFile]] | None:
    """By table, the files that a kept summary has not read.

    None: other code made it, or a day that it read was written anew or is read no more. Nothing of
    it can be kept.
    """
    days = list(inputs)
    now = made_of(version, days)
    if made is None or made.version != version or not made.parts.keys() <= now.parts.keys():
        return None
    found: dict[str, list[lake.LakeFile]] = {}
    for each in days:
        for file in each.files:
            read = made.parts.get(_key(each, file), -1)
            if file.last > read >= file.first == 0:
                return None
            if file.last > read:
                found.setdefault(each.table, []).append(file)
    return found


def sessions_in(
    place: lake.Lake,
    connection: duckdb.DuckDBPyConnection,
    parts: dict[str, list[lake.LakeFile]],
) -> pa.Table:
    """The sessions that these files have rows of, in a column `correlation_id`."""
    place.register_in(connection)
    found = [
        connection.read_parquet(
            [place.address(file.path) for file in files],
            union_by_name=True,
            hive_partitioning=False,
        )
        .project("correlation_id")
        .filter("correlation_id IS NOT NULL")
        .distinct()
        .to_arrow_table()
        for files in parts.values()
    ]
    none = pa.table({"correlation_id": pa.array([], pa.string())})
    return pa.concat_tables([none, *found]).group_by("correlation_id").aggregate([])


def _key(each: lake.LakeDay, file: lake.LakeFile) -> str:
    return f"{each.table}/{each.day}/{file.layer}"
