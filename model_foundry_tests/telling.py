"""A job whose step tells telemetry something as the last thing that it does, in its own process."""

import dagster as dg

from model_foundry.settings import Settings
from model_foundry.telemetry import event, sender_of


@dg.op
def tells() -> None:
    sender = sender_of(Settings())
    assert sender is not None
    sender.tell(event("log", correlation_id=None, service="model-foundry", message="last words"))


@dg.job(executor_def=dg.multiprocess_executor)
def telling() -> None:
    tells()
