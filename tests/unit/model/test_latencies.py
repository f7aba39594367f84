"""Latencies: constant, drawn from quantiles, and read off a measured log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.errors import SettingsError
from tieout.model.latencies import (
    ConstantLatency,
    DrawnLatency,
    Journey,
    LatencyModel,
    MeasuredLatency,
    MeasuredRequest,
    Quantiles,
    draws_for,
)

MILLISECOND = 1_000_000


def a_distribution(low_ms: int = 10, median_ms: int = 20, high_ms: int = 500) -> Quantiles:
    return Quantiles(
        (
            (0, low_ms * MILLISECOND),
            (500_000, median_ms * MILLISECOND),
            (1_000_000, high_ms * MILLISECOND),
        )
    )


def a_log(*rows: tuple[int, int, int]) -> MeasuredLatency:
    return MeasuredLatency(log=tuple(MeasuredRequest(*row) for row in rows))


def no_draw(purpose: str) -> int:
    raise AssertionError(f"{purpose}: nothing is drawn here")


def test_a_constant_latency_adds_entry_and_matching() -> None:
    model = ConstantLatency(entry_ns=5, matching_ns=2, response_ns=9)

    assert model.journey("place", 0, no_draw) == Journey(7, 9)


def test_every_shipped_model_is_a_latency_model() -> None:
    for model in (ConstantLatency(), DrawnLatency(entry=a_distribution()), a_log((0, 1, 2))):
        assert isinstance(model, LatencyModel)


def test_a_draw_depends_on_seed_decision_and_purpose_alone() -> None:
    draw = draws_for(1, "a")

    first = draw("entry")
    draw("response")

    assert draw("entry") == first
    assert draws_for(2, "a")("entry") != first
    assert draws_for(1, "b")("entry") != first


def test_drawn_latencies_have_the_quantiles_they_were_given() -> None:
    model = DrawnLatency(entry=a_distribution())

    drawn = sorted(
        model.journey("place", 0, draws_for(3, f"{number:024x}")).outbound_ns
        for number in range(4_000)
    )

    assert drawn[0] >= 10 * MILLISECOND
    assert drawn[-1] < 500 * MILLISECOND
    for milliseconds, share in ((20, 0.5), (260, 0.75)):
        below = sum(each < milliseconds * MILLISECOND for each in drawn)
        assert abs(below / len(drawn) - share) < 0.03


def test_a_share_of_commands_is_refused() -> None:
    model = DrawnLatency(entry=a_distribution(), refused_e6=100_000)

    refused = sum(
        model.journey("place", 0, draws_for(3, f"{number:024x}")).refused for number in range(4_000)
    )

    assert 330 < refused < 470


def test_a_measured_latency_lies_on_the_line_between_two_requests() -> None:
    model = a_log((1_000, 1_010, 1_030), (2_000, 2_050, 2_060))

    assert model.journey("place", 1_000, no_draw) == Journey(10, 20)
    assert model.journey("place", 1_500, no_draw) == Journey(30, 15)
    assert model.journey("cancel", 2_000, no_draw) == Journey(50, 10)


def test_outside_of_the_log_its_first_and_last_request_count() -> None:
    model = a_log((1_000, 1_010, 1_030), (2_000, 2_050, 2_060))

    assert model.journey("place", 5, no_draw) == Journey(10, 20)
    assert model.journey("place", 9_000, no_draw) == Journey(50, 10)


def test_a_command_sent_while_the_log_was_refused_is_refused() -> None:
    model = a_log((1_000, 1_010, 1_030), (2_000, 0, 2_500), (3_000, 3_010, 3_020))

    assert model.journey("place", 2_400, no_draw) == Journey(0, 500, refused=True)
    # Towards a refusal there is no line to follow.
    assert model.journey("place", 1_900, no_draw) == Journey(10, 20)


@given(share=st.integers(0, 1_000_000), other=st.integers(0, 1_000_000))
def test_a_quantile_never_falls(share: int, other: int) -> None:
    points = a_distribution()
    low, high = sorted((share, other))

    assert points.at(low) <= points.at(high)
    assert points.points[0][1] <= points.at(low)
    assert points.at(high) <= points.points[-1][1]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (((5, 4, 9),), "row 1"),
        (((5, 6, 9), (5, 7, 9)), "row 2"),
        (((5, 0, 9),), "no request in it reached the venue"),
        (((5, 6, 5 + 10**15),), "an hour"),
    ],
)
def test_a_log_that_cannot_be_is_refused(rows: tuple[tuple[int, int, int], ...], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        a_log(*rows)


@pytest.mark.parametrize(
    "points",
    [
        (),
        ((0, 1),),
        ((1, 1), (1_000_000, 2)),
        ((0, 1), (999_999, 2)),
        ((0, 2), (1_000_000, 1)),
        ((0, 1), (0, 1), (1_000_000, 1)),
        ((0, -1), (1_000_000, 1)),
    ],
)
def test_quantiles_that_cannot_be_are_refused(points: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(SettingsError, match="latency"):
        Quantiles(points)


@pytest.mark.parametrize("name", ["entry_ns", "matching_ns", "response_ns"])
def test_a_negative_latency_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        ConstantLatency(**{name: -1})
