"""Whatever bytes a file has, an import accepts it or names what is wrong; it never breaks.

Files of every format are changed byte by byte, cut, doubled and mixed. What is accepted must
verify, and must satisfy the rules of its kind.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.golden.plan import jobs
from tests.unit.history.formats.files import SAMPLES, Sample, imported
from tieout.errors import InputError, ReadingFailed
from tieout.history import Store, import_any
from tieout.history.judging import judge

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = sorted(SAMPLES)
TOKENS = [
    *(b"", b"0", b"-1", b"9" * 25, b"1e400", b"NaN", b"inf", b"0x1F", b"\x00", b"\xff\xfe", b"\n"),
    *(b",", b'"', b"\r", b"[", b"{", b"null", b"true", b"1e-40", b"\x1f\x8b", b"PK\x03\x04"),
]


@st.composite
def changes(draw: Callable[..., object]) -> list[tuple[str, float, object]]:
    """Return changes of a file: what is done, where (as a share of its length), and with what."""
    draw_any: Callable[..., object] = draw
    what = st.sampled_from(["flip", "insert", "cut", "drop", "double", "replace"])
    share = st.floats(0, 1, exclude_max=True)
    value = st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=8))
    return draw_any(st.lists(st.tuples(what, share, value), min_size=1, max_size=4))  # type: ignore[return-value]


def changed(content: bytes, what: list[tuple[str, float, object]]) -> bytes:
    """Return a file after changes."""
    data = bytearray(content)
    for action, share, value in what:
        at = int(share * len(data))
        assert isinstance(value, bytes), value
        match action:
            case "flip" if data:
                data[at] ^= (value or b"\x01")[0] or 1
            case "insert":
                data[at:at] = value
            case "cut":
                del data[at:]
            case "drop":
                del data[at : at + 1 + len(value)]
            case "double":
                data[at:at] = data[at : at + 64]
            case _:
                data[at : at + len(value)] = value
    return bytes(data)


def named(error: InputError) -> None:
    """Check that an error says something, and that it is what a reader meant to say."""
    assert str(error).strip(), error
    assert not isinstance(error, ReadingFailed), error.__cause__


def judged_or_named(path: Path) -> None:
    """Judge a file; what keeps it from being judged is named."""
    try:
        judge([path])
    except InputError as error:
        named(error)


def accepted_or_named(sample: Sample, content: bytes, *, form: str, set_aside: bool) -> None:
    """Import a file; what is wrong with it is named, what is taken is sound."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        try:
            made = imported(Path(folder), sample, content, form=form, set_aside=set_aside)
        except InputError as error:
            named(error)
            assert store.names() == []
            return
        finally:
            judged_or_named(Path(folder) / sample.name)
        store.verify("made")
        assert made.meta.rows > 0
        assert made.meta.first_time_ns <= made.meta.last_time_ns


def run(name: str, what: list[tuple[str, float, object]], *, inside: bool, set_aside: bool) -> None:
    sample = SAMPLES[name]
    content = sample.content()
    packed = inside and content.startswith(b"\x1f\x8b")
    content = changed(gzip.decompress(content) if packed else content, what)
    content = gzip.compress(content) if packed else content
    for form in ("auto", sample.form):
        accepted_or_named(sample, content, form=form, set_aside=set_aside)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), changes(), st.booleans(), st.booleans())
def test_a_changed_file_is_accepted_or_refused_by_name(
    name: str, what: list[tuple[str, float, object]], inside: bool, set_aside: bool
) -> None:
    run(name, what, inside=inside, set_aside=set_aside)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), changes(), st.booleans(), st.booleans())
def test_many_changed_files_are_accepted_or_refused_by_name(
    name: str, what: list[tuple[str, float, object]], inside: bool, set_aside: bool
) -> None:
    run(name, what, inside=inside, set_aside=set_aside)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_refuses_any_other_formats_file_by_name(name: str) -> None:
    for other in NAMES:
        if SAMPLES[other].form != SAMPLES[name].form:
            content = SAMPLES[other].content()
            accepted_or_named(SAMPLES[name], content, form=SAMPLES[name].form, set_aside=False)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_changed_real_files_are_accepted_or_refused_by_name(test_data: Path) -> None:
    import numpy as np

    draw = np.random.default_rng(int(os.environ.get("TIEOUT_SEED", "1")))
    for job in jobs(test_data):
        path = test_data / job.file
        if path.stat().st_size > 60_000 or "lean" in job.file:
            continue
        content = path.read_bytes()
        packed = content.startswith(b"\x1f\x8b")
        plain = gzip.decompress(content) if packed else content
        for _ in range(5):
            what = [
                (str(draw.choice(["flip", "insert", "cut", "drop", "replace"])), float(share),
                 TOKENS[int(draw.integers(len(TOKENS)))] or b"7")
                for share in draw.random(2)
            ]  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / path.name
                wrong = changed(plain, what)  # type: ignore[arg-type]
                file.write_bytes(gzip.compress(wrong) if packed else wrong)
                try:
                    import_any(
                        Store(Path(folder) / "store"), file, job.ask(), name="made", form=job.form
                    )
                except InputError as error:
                    named(error)
