"""Means of speeds, and how progress reads."""

from model_foundry.dispatch.report import DispatchReport, Progress, SlotTally
from model_foundry.slot.timings import Timings


def timings(total_ms: float, output_tokens: int | None, tg: float | None) -> Timings:
    return Timings(
        timing_source="server",
        total_ms=total_ms,
        input_tokens=100,
        output_tokens=output_tokens,
        cached_tokens=100,
        tg_tokens_per_s=tg,
    )


def test_speeds_are_all_tokens_over_all_their_time() -> None:
    tally = SlotTally()
    for each in (timings(10, 10, 100.0), timings(20, 90, 10.0), timings(90, None, None)):
        tally.add(each)
    figures = tally.figures("naughty", "model")
    assert figures.tg_tokens_per_s == 100 / (10 / 100 + 90 / 10)
    assert figures.pp_tokens_per_s is None  # everything came from the cache
    assert figures.p50_ms == 20
    assert figures.output_tokens == 100


def test_a_slot_that_answered_nothing_has_no_speed() -> None:
    figures = SlotTally().figures("naughty", "model")
    assert (figures.p50_ms, figures.tg_tokens_per_s) == (None, None)


def test_a_cached_prompt_weighs_what_was_read_and_who_measured_is_said() -> None:
    tally = SlotTally()
    for cached, pp in ((0, 3_000.0), (2_950, 500.0), (2_950, None)):
        tally.add(
            Timings(
                timing_source="server" if pp else "client",
                total_ms=5,
                input_tokens=3_000,
                cached_tokens=cached,
                pp_tokens_per_s=pp,
            )
        )
    figures = tally.figures("naughty", "model")
    assert figures.pp_tokens_per_s == 3_050 / (1 + 50 / 500)
    assert figures.timing_source == "server"  # what has no speed was measured by nobody
    waited = Timings(timing_source="client", total_ms=5, input_tokens=10, pp_tokens_per_s=1.0)
    tally.add(waited)
    assert tally.figures("naughty", "model").timing_source == "mixed"


def test_progress_reads_as_one_line() -> None:
    progress = Progress(
        done=3,
        total=10,
        total_is_final=False,
        ok=2,
        rejected=1,
        failed=0,
        output_tokens=50,
        tokens_per_s=12.34,
        busy=4,
        places=5,
        eta_s=None,
    )
    assert str(progress) == (
        "3/10+ jobs (2 ok, 1 rejected, 0 failed), 12.3 tokens/s, 4/5 places busy"
    )


def test_a_report_over_nothing_divides_by_nothing() -> None:
    report = DispatchReport(
        asked=0,
        cached=2,
        ok=0,
        rejected=0,
        failed=0,
        error_kinds={},
        input_tokens=0,
        output_tokens=0,
        wall_s=0.0,
        slots=(),
    )
    assert (report.total, report.tokens_per_s) == (2, 0.0)
