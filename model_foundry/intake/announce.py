"""What a drain tells telemetry: each batch as it has landed."""

from collections.abc import Callable

from model_foundry.intake.landing import Landed
from model_foundry.settings import Settings
from model_foundry.telemetry import event, sender_of


def announcer(settings: Settings, run_id: str | None) -> Callable[[Landed], None]:
    """To be called with each batch that has committed; `run_id` is Dagster's.

    Raises:
        FoundryError: the endpoint's URL is no URL.
    """
    sender = sender_of(settings)

    def tell(landed: Landed) -> None:
        if sender is None:
            return
        counts = landed.counts
        quarantined = f", {counts['quarantined']} quarantined" if counts["quarantined"] else ""
        sender.tell(
            event(
                "log",
                correlation_id=run_id,
                service="model-foundry",
                level="warn" if quarantined else "info",
                message=f"landed {counts['landed']} of {counts['messages']} messages{quarantined}",
            )
        )

    return tell
