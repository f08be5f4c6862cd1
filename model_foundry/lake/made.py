"""What a summary was made of, and what has come since: parts of the lake with higher numbers.

A merged part among these holds some of the earlier rows too, which costs and does no harm.
"""

from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

from model_foundry.lake.keep import Kept
from model_foundry.lake.parquet import Made
from model_foundry.lake.place import LakeFile
from model_foundry.lake.refresh import LakeDay


def made_of(version: str, inputs: Iterable[LakeDay]) -> Made:
    """What a summary of these days says that it was made of, by code of this version."""
    return Made(version, {_key(each, file): file.last for each in inputs for file in each.files})


class Unread(NamedTuple):
    """What a summary's day has not read: by table, files of the lake. `rows` are what it holds."""

    rows: pa.Table
    files: dict[str, list[LakeFile]]


def unread(kept: Kept | None, version: str, inputs: Iterable[LakeDay]) -> Unread | None:
    """What has come for a summary of these days since it was kept.

    None: there is nothing of it that can be kept, since other code made it, or a day that it read
    was written anew or is read no more.
    """
    days = list(inputs)
    made = kept.made if kept else None
    if kept is None or made is None or made.version != version:
        return None
    if not made.parts.keys() <= made_of(version, days).parts.keys():
        return None
    found: dict[str, list[LakeFile]] = {}
    for each in days:
        for file in each.files:
            read = made.parts.get(_key(each, file), -1)
            if file.last > read >= file.first == 0:
                return None
            if file.last > read:
                found.setdefault(each.table, []).append(file)
    return Unread(kept.rows, found)


def _key(each: LakeDay, file: LakeFile) -> str:
    return f"{each.table}/{each.day}/{file.layer}"
