"""How fee schedules look in a terminal: what holds now, since when, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tieout.errors import InputError
from tieout.model.fees import fee_schedule, fee_schedule_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from tieout.model.fees import FeeTier, FeeVersion

__all__ = ["fee_facts", "fee_lines"]


def fee_facts(venue: str, *, now_ns: int) -> list[dict[str, Any]]:
    """Return the shipped schedules whose name has a text in it, as plain values.

    Raises:
        InputError: None has.
    """
    names = [name for name in fee_schedule_names() if venue in name]
    if not names:
        raise InputError(
            f"show fees: no schedule has {venue!r} in its name; there are "
            f"{', '.join(fee_schedule_names())}"
        )
    found = []
    for name in names:
        schedule = fee_schedule(name)
        holding = [each for each in schedule.versions if each.since_ns <= now_ns]
        versions = [
            {**_version_facts(each), "holds_now": each is holding[-1] if holding else False}
            for each in schedule.versions
        ]
        found.append({"name": name, "venue": schedule.venue, "versions": versions})
    return found


def fee_lines(facts: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the same for people."""
    for schedule in facts:
        yield f"{schedule['name']}: {schedule['venue']}"
        for version in schedule["versions"]:
            now = ", holds now" if version["holds_now"] else ""
            yield f"  since {version['since']} (as of {version['as_of']}){now}"
            yield f"    {'volume from':>16}{'maker':>12}{'taker':>12}{'a unit':>12}"
            for tier in version["tiers"]:
                yield (
                    f"    {tier['from_volume']:>16}{tier['maker']:>12}{tier['taker']:>12}"
                    f"{tier['per_unit']:>12}"
                )
            for words in version["besides"]:
                yield f"    {words}"
            yield f"    source: {version['source']}"
            if version["note"]:
                yield f"    note: {version['note']}"
        yield ""


def _version_facts(version: FeeVersion) -> dict[str, Any]:
    return {
        "since": version.since,
        "as_of": version.as_of,
        "source": version.source,
        "note": version.note,
        "tiers": [_tier_facts(each) for each in version.tiers],
        "besides": list(_besides(version)),
    }


def _tier_facts(tier: FeeTier) -> dict[str, str]:
    return {
        "from_volume": f"{tier.from_volume:,}",
        "maker": _percent(tier.maker_rate),
        "taker": _percent(tier.taker_rate),
        "per_unit": str(tier.per_unit),
    }


def _besides(version: FeeVersion) -> Iterator[str]:
    """Yield what is charged besides the tiers' rates, and how, in words."""
    window = f"{version.window_days} days" if version.window_days else "the calendar month"
    yield (
        f"tier by {version.volume_in} of {window}, looked at {version.evaluated.replace('_', ' ')}"
    )
    if version.token:
        yield f"{_percent(version.token_share_off)} off when paid in {version.token}"
    for name in ("per_order", "min_per_order", "min_per_fill", "max_per_fill"):
        if getattr(version, name):
            yield f"{name.replace('_', ' ')}: {getattr(version, name)}"
    if version.max_share_per_order is not None:
        yield f"at most {_percent(version.max_share_per_order)} of an order"
    for extra in version.surcharges:
        most = "" if extra.max_per_fill is None else f", at most {extra.max_per_fill}"
        what = f"{_percent(extra.rate)}" if extra.rate else f"{extra.per_unit} a unit"
        yield f"{extra.name} ({extra.sides}): {what}{most}"
    yield f"taken in {version.currency}, {version.digits} decimals, {version.rounding}"


def _percent(share: Decimal) -> str:
    return f"{share * 100:f}".rstrip("0").rstrip(".") + " %" if share else "0 %"
