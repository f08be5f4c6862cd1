"""Asks jobs of a slot, to be stopped or killed: `python -m … COUNT SLOT_JSON [TEXT]`.

Settings come from the environment. SIGTERM raises in the main thread, as Dagster makes it do in a
step's process.
"""

import signal
import sys
from types import FrameType

from model_foundry.fleet.file import Slot
from model_foundry.interrupts import run_interruptibly
from model_foundry.results.landed import run_jobs
from model_foundry.settings import Settings
from model_foundry_tests.asking import jobs


class Interrupted(BaseException):
    """No Exception, as Dagster's DagsterExecutionInterruptedError is none."""


def interrupt(number: int, frame: FrameType | None) -> None:
    """The handler of SIGTERM."""
    raise Interrupted


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupt)
    slot = Slot.model_validate_json(sys.argv[2])
    asked = jobs(int(sys.argv[1]), *sys.argv[3:])
    run_interruptibly(run_jobs(asked, settings=Settings(), slots=[slot]))
