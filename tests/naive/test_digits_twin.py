"""Decimals read digit by digit are those that `Decimal` reads."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tieout.market import DIGITS_MAX, steps_of_text

PLAIN = st.from_regex(r"[+-]?[0-9]{0,21}(\.[0-9]{0,21})?", fullmatch=True)
ANY = st.text("0123456789.+-e ", max_size=24)


def naive_parse_steps(text: str, digits: int, units: int) -> tuple[int, bool] | None:
    """The twin of parse_steps: steps and whether they are rounded, None where it may decline."""
    body = text[1:] if text[:1] in ("+", "-") else text
    whole, _, part = body.partition(".")
    if not (whole + part) or not (whole + part).isascii() or not (whole + part).isdecimal():
        return None
    if int("0" + whole + part[:digits].ljust(digits, "0")) // 10 > (2**62 - 10) // 10:
        return None
    over, under = Decimal(text).as_integer_ratio()
    step = Decimal(units).scaleb(-digits).as_integer_ratio()
    steps, rest = divmod(over * step[1], under * step[0])
    return steps, rest != 0


def read(texts: list[str], digits: int, units: int) -> list[tuple[int, bool] | None]:
    letters = "".join(texts).encode()
    starts = np.cumsum([0, *(len(each.encode()) for each in texts)]).astype(np.int64)
    steps, off, other = steps_of_text(
        np.frombuffer(letters, np.uint8), starts, digits=digits, units=units
    )
    return [
        None if strange else (int(step), bool(between))
        for step, between, strange in zip(steps, off, other, strict=True)
    ]


@given(
    st.lists(st.one_of(PLAIN, ANY), max_size=12),
    st.integers(0, DIGITS_MAX),
    st.sampled_from([1, 5, 25, 3, 10**9]),
)
@example(["-0.01", "-0.001", "-1", "0.019"], 2, 5)
@example(["999999999999999999", "1000000000000000000", "0000000000000000000001.50"], 0, 1)
@example(["", ".", "-", "+.", "1.", ".5", "1e5", " 1", "1 ", "--1", "1.2.3"], 1, 1)
def test_text_read_in_one_go_is_what_its_twin_reads(
    texts: list[str], digits: int, units: int
) -> None:
    expected = [naive_parse_steps(each, digits, units) for each in texts]

    assert read(texts, digits, units) == expected
