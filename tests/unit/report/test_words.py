"""What a report says in sentences."""

from __future__ import annotations

import msgspec

from tieout.model.availability import MeasuredArrival, MeasuredFeed
from tieout.model.profiles import profile
from tieout.report.words import assumptions


def test_when_data_is_known_is_among_the_assumptions() -> None:
    feed = MeasuredFeed(log=(MeasuredArrival(5, 12),))
    polled = msgspec.structs.replace(
        profile("zero-latency"), polling="by-length-1", bar_feed=feed, outages=((3, 9),)
    )

    told = dict(assumptions(polled))

    assert told["When the bot looks for new bars and trades; none: it is given them"] == (
        "by-length-1"
    )
    assert "arrived_ns=12" in told["Way of a bar to us, where it is not of one length"]
    assert told["Way of a trade to us, where it is not of one length"] == "none"
    assert told["When the way of market data to us was down, in ns"] == "((3, 9),)"
