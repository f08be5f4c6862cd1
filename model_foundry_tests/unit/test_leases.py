"""How a slot's places are shared: interactive first, then max-min fair, the rest in turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from model_foundry.dispatch.leases import Contender, shares


def test_who_is_alone_gets_what_it_asks_for() -> None:
    assert shares([Contender(1, 0, claims=True)], 8, turn=0) == {1: 8}


def test_two_who_want_all_get_half() -> None:
    both = [Contender(1, 8, claims=False), Contender(2, 0, claims=True)]
    assert shares(both, 8, turn=0) == {1: 4, 2: 4}


def test_what_one_does_not_need_goes_to_the_others() -> None:
    three = [Contender(1, 1, claims=False), Contender(2, 4, claims=True), Contender(3, 3, True)]
    got = shares(three, 8, turn=0)
    assert got[1] == 1
    assert sorted((got[2], got[3])) == [3, 4]


def test_interactive_jobs_come_before_all_others() -> None:
    batch = Contender(1, 3, claims=True)
    got = shares([batch, Contender(2, 0, True, interactive=2)], 3, turn=0)
    assert got[2] >= 2
    assert shares([batch, Contender(2, 0, True, interactive=9)], 3, turn=0) == {1: 0, 2: 3}


def test_one_place_goes_from_run_to_run() -> None:
    three = [Contender(run, 0, claims=True) for run in (11, 12, 13)]
    winners = Counter(
        run for turn in range(300) for run, got in shares(three, 1, turn).items() if got
    )
    assert sum(winners.values()) == 300
    assert set(winners.values()) == {100}
    # Also for requests that end in every third turn.
    every_third = Counter(
        run for turn in range(0, 900, 3) for run, got in shares(three, 1, turn).items() if got
    )
    assert min(every_third.values()) > 60


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 8)), min_size=1, max_size=6
    ),
    st.integers(0, 12),
    st.integers(0, 1_000_000),
)
def test_no_more_is_shared_than_there_is_and_nothing_wanted_is_left(
    runs: list[tuple[int, bool, int]], places: int, turn: int
) -> None:
    contenders = [Contender(number, *run) for number, run in enumerate(runs)]
    got = shares(contenders, places, turn)
    assert got == shares(contenders[::-1], places, turn)  # every run comes to the same
    assert sum(got.values()) <= places
    if any(each.claims for each in contenders):
        assert sum(got.values()) == places
