"""What the fleet's slots cost, for the summaries of what they did."""

from model_foundry.errors import FoundryError
from model_foundry.fleet.file import settings_fleet
from model_foundry.settings import Settings
from model_foundry.summaries.compute import Rate


def rates(settings: Settings) -> tuple[list[Rate], str | None]:
    """Every slot of the fleet file; none, and why, where the file cannot be read.

    A summary is worth having without prices.
    """
    try:
        fleet = settings_fleet(settings)
    except FoundryError as error:
        return [], str(error)
    return [
        Rate(slot.name, slot.parallel, slot.price_per_hour, slot.watts) for slot in fleet.slots
    ], None
