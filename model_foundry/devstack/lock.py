"""A lock file in the home: held while a foreground program runs, free when it ends in any way.

Belongs here: taking it, giving it, and who holds it. Does not: what it protects.
"""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Final, TextIO

# A look at a lock (`is_held`) holds it for an instant, shared.
LOOK_S: Final = 1.0
_ENDING: Final = "ending"


class HomeLock:
    """`path`, an exclusive lock; the file says who holds it. Children do not inherit it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds it."""
        return self._file is not None

    def take(self, *, ending_s: float = 0.0) -> str | None:
        """Take the lock.

        Args:
            ending_s: how long to wait for a holder that says that it is ending.

        Returns:
            None once it is held; otherwise the pid of who holds it.

        Raises:
            OSError: the file cannot be made.
        """
        file = self.path.open("a+", encoding="ascii")
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder, *state = file.read().split() or ["unknown"]
                patience_s = ending_s if _ENDING in state else LOOK_S
                if error.errno == errno.EWOULDBLOCK and time.monotonic() - began < patience_s:
                    time.sleep(LOOK_S / 20)
                    continue
                file.close()
                return holder
            self._file = file
            self._say(str(os.getpid()))
            return None

    def ending(self) -> None:
        """Say that it will be free soon: who wants it may wait. Nothing happens if it is free."""
        self._say(f"{os.getpid()} {_ENDING}")

    def give(self) -> None:
        """Give it free; nothing happens if it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _say(self, text: str) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(f"{text}\n")
            self._file.flush()
