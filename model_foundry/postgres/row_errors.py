"""Which of PostgreSQL's errors are about the content of one row, and what is told of them.

Any other is about the server, the connection or the statement: who meets it cannot go on without
the row, since the next one would meet it as well.
"""

from typing import Final

import psycopg
from psycopg import errors

_BY_CLASS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.RaiseException,
    errors.StatementTooComplex,
    errors.ProgramLimitExceeded,
)
# A value of more than a gigabyte; other internal errors are nobody's content.
_TOO_LARGE: Final = "invalid memory alloc request size"
_MAX_DETAIL_CHARS: Final = 500


def _named(kind: type[psycopg.Error]) -> str:
    name = kind.__name__.rstrip("_")
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")


REASONS: Final = frozenset(
    _named(kind)
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, (*_BY_CLASS, errors.InternalError_, errors.QueryCanceled))
)


def is_of_a_row(error: psycopg.Error) -> bool:
    """Whether the content of a row is to blame."""
    if isinstance(error, errors.CheckViolation):
        # Without the name of a constraint: there is no partition for the row, or another one's.
        return not error.diag.table_name or error.diag.constraint_name is not None
    if isinstance(error, errors.InternalError_):
        return (error.diag.message_primary or "").startswith(_TOO_LARGE)
    return isinstance(error, _BY_CLASS)


def reason_of(error: psycopg.Error) -> str:
    """PostgreSQL's name of the condition: `check_violation`."""
    return _named(type(error))


def detail_of(error: psycopg.Error) -> str:
    """What PostgreSQL says of it, without the row that it adds."""
    text = error.diag.message_primary or type(error).__name__
    return text[:_MAX_DETAIL_CHARS].replace("\x00", "\ufffd")
