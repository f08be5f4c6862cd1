"""What a summary was made of, and what has come since: parts of the lake with higher numbers.

A merged part among these holds some of the earlier rows too, which costs and does no harm.
"""

from collections.abc import Iterable

from model_foundry.store.lake.parquet import Made
from model_foundry.store.lake.place import LakeFile
from model_foundry.store.lake.refresh import LakeDay


def made_of(version: str, inputs: Iterable[LakeDay]) -> Made:
    """What a summary of these days says that it was made of, by code of this version."""
    return Made(version, {_key(each, file): file.last for each in inputs for file in each.files})


def unread(
    made: Made | None, version: str, inputs: Iterable[LakeDay]
) -> dict[str, list[LakeFile]] | None:
    """By table, the files of these days that a summary has not read.

    None: other code made it, or a day that it read was written anew or is read no more. Nothing of
    it can be kept.
    """
    days = list(inputs)
    if made is None or made.version != version:
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
    return found


def _key(each: LakeDay, file: LakeFile) -> str:
    return f"{each.table}/{each.day}/{file.layer}"
