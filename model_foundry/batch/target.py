"""Whom a line asks: the slots of a role, or those that serve the model it names. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from model_foundry.batch.line import LineError
from model_foundry.fleet.file import Slot


class Target(NamedTuple):
    """Slots that are asked alike; `name` is a role or a model, and part of a job's identity."""

    name: str
    role: str
    slots: tuple[Slot, ...]


class Targets:
    """What the `model` of a line's body may be: a role, or a model that a slot serves.

    A model is asked on those of its slots that serve `role`, if any does. A line without a model
    asks the role; with `any_model`, so does one whose model nobody serves.
    """

    def __init__(self, slots: Sequence[Slot], role: str, *, any_model: bool = False) -> None:
        self._any_model = any_model
        self._role = role
        self._targets: dict[str, Target] = {}
        for model in sorted({slot.model for slot in slots}):
            serving = [slot for slot in slots if slot.model == model]
            roles = [each for slot in serving for each in slot.roles]
            self._add(model, role if role in roles else roles[0], serving)
        for each in sorted({role for slot in slots for role in slot.roles}):
            self._add(each, each, slots)

    def _add(self, name: str, role: str, slots: Iterable[Slot]) -> None:
        serving = tuple(slot for slot in slots if role in slot.roles)
        self._targets[name] = Target(name, role, serving)

    def of(self, model: str | None) -> Target:
        """Whom a line with this model asks.

        Raises:
            LineError: nobody serves it.
        """
        target = self._targets.get(self._role if model is None else model)
        if target is None and self._any_model:
            target = self._targets[self._role]
        if target is None:
            known = ", ".join(self._targets)
            raise LineError(
                "model_not_found", f"no slot serves the model {model!r}; known: {known}"
            )
        return target
