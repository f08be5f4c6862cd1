"""Which waiting job a slot takes next, and which slots may take a job.

- Interactive before batch, whatever the role; then those that come again; then in their order.
- A job that is too long for one slot goes to those it fits. A slot that refuses requests of its
  shape is passed over while another takes them. Where none is better, any is asked.
- Of the jobs at the front, and those that go on from a prompt that it has just answered, a slot
  takes the one of which it read most. It leaves to others what they have read, and until later what
  is being read, as long as there is anything else. It never waits, and no job is passed over for
  long.

Belongs here: the choice. Does not: what an attempt says of a slot (`blame`, `served_slot`).
"""

from collections.abc import Sequence
from typing import Final

from model_foundry.dispatch.affinity import Affinity
from model_foundry.dispatch.queue import Queue, Waiting
from model_foundry.dispatch.served_slot import ServedSlot
from model_foundry.dispatch.shape import Shape, prefixes
from model_foundry.slot.jobs import Priority

PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "batch")
# How many jobs at the front a slot chooses among, and how often one may be passed over.
WINDOW: Final = 64
PASSED_OVER_MAX: Final = 64
PREFIXES_MAX: Final = 256


class Choosing:
    """The queues of all roles, and who takes what of them."""

    def __init__(self, served: Sequence[ServedSlot], *, affinity: bool) -> None:
        self.by_role: dict[str, list[ServedSlot]] = {}
        for each in served:
            for role in each.slot.roles:
                self.by_role.setdefault(role, []).append(each)
        self._queues = {(role, rank): Queue() for role in self.by_role for rank in PRIORITIES}
        self._named = {each.slot.name: each for each in served}
        several = any(len(each) > 1 for each in self.by_role.values())
        self._affinity = Affinity() if affinity and several else None
        self._takers: dict[tuple[str, Shape, frozenset[str]], frozenset[str]] = {}
        self._takers_at = -1.0

    def queue_of(self, waiting: Waiting) -> Queue:
        """The queue that a job waits in."""
        return self._queues[waiting.job.role, waiting.job.priority]

    def put(self, waiting: Waiting) -> None:
        """A job waits, now or again."""
        if self._affinity is not None and not waiting.prefixes:
            waiting.prefixes = prefixes(waiting.job.request, PREFIXES_MAX)
        self.queue_of(waiting).put(waiting)

    def waiting(self, role: str) -> list[Waiting]:
        """Every job of a role that waits."""
        return [each for rank in PRIORITIES for each in self._queues[role, rank].all()]

    def backlog(self) -> dict[str, int]:
        """How many jobs of each role wait."""
        return {
            role: sum(len(self._queues[role, rank]) for rank in PRIORITIES) for role in self.by_role
        }

    def ready(self, served: ServedSlot, priority: Priority, now: float) -> int:
        """How many jobs the slot could take."""
        name, count = served.slot.name, 0
        for role in served.slot.roles:
            queue = self._queues[role, priority]
            count += sum(
                name in self._takers_of(role, waiting.shape, waiting.without, now)
                for waiting in queue.again_for(served.slot, now)
            )
            count += sum(
                jobs
                for shape, jobs in queue.shapes()
                if name in self._takers_of(role, shape, frozenset(), now)
            )
        return count

    def next_for(self, served: ServedSlot, now: float) -> Waiting | None:
        """The job that the slot takes now, which waits no more."""
        for priority in PRIORITIES:
            queues = [self._queues[role, priority] for role in served.slot.roles]
            found = [
                (waiting.order, waiting, queue)
                for role, queue in zip(served.slot.roles, queues, strict=True)
                if len(queue) and (waiting := self._first(served, role, queue, now)) is not None
            ]
            if found:
                _, waiting, queue = min(found)
                queue.take(waiting)
                if self._affinity is not None:
                    self._affinity.asked(waiting.prefixes)
                return waiting
        return None

    def _first(self, served: ServedSlot, role: str, queue: Queue, now: float) -> Waiting | None:
        name = served.slot.name
        for waiting in queue.again_for(served.slot, now):
            if name in self._takers_of(role, waiting.shape, waiting.without, now):
                return waiting
        taken = {
            shape
            for shape, _ in queue.shapes()
            if name in self._takers_of(role, shape, frozenset(), now)
        }
        if not taken:
            return None
        front = []
        for waiting in queue.new():
            if waiting.shape not in taken:
                continue
            if self._affinity is None or len(self.by_role[role]) == 1:
                return waiting
            front.append(waiting)
            if len(front) == WINDOW:
                break
        return None if self._affinity is None else self._preferred(served, front, queue, now)

    def _preferred(
        self, served: ServedSlot, front: Sequence[Waiting], queue: Queue, now: float
    ) -> Waiting | None:
        """The one of which the slot read most, more than others did; else one that is new to all.

        One that another has read goes there, if that has a place free now.
        """
        assert self._affinity is not None  # noqa: S101
        if front[0].passed_over >= PASSED_OVER_MAX:
            return front[0]
        name = served.slot.name
        further = (
            each
            for prompt in self._affinity.latest(name)
            if (each := queue.first_from(prompt)) is not None
        )
        best, best_gain = None, 0
        for waiting in (*front, *further):
            takers = self._takers_of(waiting.job.role, waiting.shape, waiting.without, now)
            if name not in takers:
                continue
            here, elsewhere, slot = self._affinity.begun(waiting.prefixes, name, takers)
            if slot is not None and self._named[slot].free(now) > 0:
                continue
            gain = here - elsewhere if elsewhere else here
            if best is None or gain > best_gain:
                best, best_gain = waiting, gain
        if best is not None and best is not front[0]:
            front[0].passed_over += 1
        return best

    def ended(self, served: ServedSlot, waiting: Waiting, *, answered: bool) -> None:
        """An attempt of a job on a slot is over."""
        if self._affinity is not None:
            self._affinity.ended(waiting.prefixes, served.slot.name, answered=answered)

    # Who may take a job.

    def takers(self, waiting: Waiting, now: float) -> list[ServedSlot]:
        """The slots that may take it, now or when they are well again; none: it cannot be asked."""
        return [
            served
            for served in self.by_role[waiting.job.role]
            if served.slot.name not in waiting.without
            and not served.dead(waiting.shape.endpoint, now)
        ]

    def without_hope(self, now: float) -> list[Waiting]:
        """The jobs that wait for slots of which none can be expected to take them."""
        roles = {role for role, slots in self.by_role.items() for s in slots if s.ails(now)}
        known: dict[tuple[str, Shape, frozenset[str]], bool] = {}
        found = []
        for waiting in (each for role in roles for each in self.waiting(role)):
            key = (waiting.job.role, waiting.shape, waiting.without)
            if key not in known:
                known[key] = not self.takers(waiting, now)
            if known[key]:
                found.append(waiting)
        return found

    def forget_takers(self) -> None:
        """A slot's state has changed."""
        self._takers.clear()

    def _takers_of(
        self, role: str, shape: Shape, without: frozenset[str], now: float
    ) -> frozenset[str]:
        """The names of the slots that may take such a job now."""
        if now != self._takers_at:
            self._takers.clear()
            self._takers_at = now
        key = (role, shape, without)
        known = self._takers.get(key)
        if known is None:
            known = self._takers[key] = self._found_takers(role, shape, without, now)
        return known

    def _found_takers(
        self, role: str, shape: Shape, without: frozenset[str], now: float
    ) -> frozenset[str]:
        able = [
            served
            for served in self.by_role[role]
            if served.slot.name not in without and not served.locked
        ]
        alive = [served for served in able if not served.dead(shape.endpoint, now)]
        if not alive:
            return frozenset()
        # One that is dead may show that it is not, but no job waits for it.
        dead = [served for served in able if served not in alive and served.fits(shape)]
        large = max(served.slot.context_tokens for served in alive)
        long_enough = (
            [served for served in alive if served.fits(shape)]
            or [served for served in alive if served.fits_prompt(shape)]
            or [served for served in alive if served.slot.context_tokens == large]
        )
        willing = [served for served in long_enough if served.takes(shape, now)] or long_enough
        return frozenset(
            served.slot.name
            for served in [*willing, *dead]
            if served.has_endpoint(shape.endpoint, now)
        )
