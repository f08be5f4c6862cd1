"""A drain as a process of its own: it drains until nothing waits, and tells of each drain."""

import asyncio
import json
import sys

from model_foundry.errors import FoundryError
from model_foundry.intake.configuration import pending_count
from model_foundry.intake.drain import drain
from model_foundry.settings import Settings


def main() -> None:
    """Exit status 1, and the error alone, if one ends it."""
    settings = Settings()
    try:
        while asyncio.run(pending_count(settings)):
            print(json.dumps(asyncio.run(drain(settings)).as_dict()), flush=True)
    except FoundryError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
