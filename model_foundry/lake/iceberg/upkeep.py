"""What would grow for ever: snapshots, manifests, the files of the metadata.

A snapshot that another has followed stays for the time of a query (`lake_grace_s`), as a covered
file does. Travelling further back in time is not for this catalog: the lake's files go.
"""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final

from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update.snapshot import ExpireSnapshots

from model_foundry.lake.place import Lake

_MANY: Final = 32
# A commit that is under way, or whoever has looked up where the metadata are.
_YOUNG_S: Final = 3600.0


def is_due(metadata: TableMetadata, grace_s: float) -> bool:
    """Whether there are snapshots that nobody can still be reading."""
    return any(_past(metadata, grace_s))


def expire(transaction: Transaction, grace_s: float) -> None:
    """Forget them."""
    if ids := list(_past(transaction.table_metadata, grace_s)):
        ExpireSnapshots(transaction).by_ids(ids).commit()


def merge_manifests(table: Table) -> None:
    """Whoever reads the whole table opens few files to find out which there are."""
    snapshot = table.current_snapshot()
    if snapshot is not None and len(snapshot.manifests(table.io)) > _MANY:
        with table.transaction() as transaction, transaction.update_snapshot().merge_append():
            pass


def sweep(lake: Lake, table: Table, grace_s: float) -> int:
    """Delete metadata that nothing names any more, or never did; how many files."""
    folder = lake.fs._strip_protocol(f"{table.location()}/metadata")
    named = {_name(path) for path in _named(table)}
    before = time.time() - max(grace_s, _YOUNG_S)
    left = [
        path
        for path, changed_at in lake.entries(folder)
        if changed_at < before and _name(path) not in named
    ]
    for path in left:
        lake.fs.rm_file(path)
    return len(left)


def _past(metadata: TableMetadata, grace_s: float) -> Iterator[int]:
    before_ms = (time.time() - grace_s) * 1000
    snapshots = sorted(metadata.snapshots, key=lambda each: each.sequence_number or 0)
    for snapshot, follower in pairwise(snapshots):
        if follower.timestamp_ms < before_ms:
            yield snapshot.snapshot_id


def _named(table: Table) -> Iterator[str]:
    yield table.metadata_location
    for snapshot in table.metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            yield manifest.manifest_path


def _name(path: str) -> str:
    return PurePosixPath(path).name
