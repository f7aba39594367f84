"""Recorded books: what fill levels `book` and `orders` match on, and what strategies see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tieout.adapters.feeds.history import Stream
from tieout.adapters.venues.simulated.last_price import StoredQuotes
from tieout.errors import InputError
from tieout.history.dataset import RECORDED
from tieout.model.columns import (
    BookColumns,
    BookKind,
    OrderAction,
    OrderEventColumns,
    QuoteColumns,
    TradeColumns,
)
from tieout.model.events import DataOpened
from tieout.model.profiles import FillLevel, MarketRule
from tieout.wiring.manifests import find_dataset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tieout.history import Dataset
    from tieout.kernel.context import Subscriptions
    from tieout.model.columns import MarketColumns, RecordedColumns
    from tieout.model.profiles import SimulationProfile

__all__ = [
    "BOOK_KINDS",
    "any_book",
    "book_dataset",
    "book_rows",
    "book_streams",
    "check_books",
    "check_no_books",
    "check_trades_or_bars",
    "prints",
    "quotes_known",
    "recorded_market",
]

BOOK_KINDS = RECORDED
"""Kinds of data sets that are neither trades nor bars."""

_NEEDED = {
    FillLevel.BOOK: ("the levels of a book (L2), or its single orders", ("book", "orders")),
    FillLevel.ORDERS: ("the single orders of a book (L3)", ("orders",)),
}
"""What a fill level matches on, in words and as kinds of data sets, the best first."""


def check_books(
    instruments: Iterable[str], datasets: Sequence[Dataset], profile: SimulationProfile
) -> None:
    """Check that every instrument has the book that a profile matches on.

    Raises:
        InputError: One has not.
    """
    for symbol in instruments:
        book_dataset(symbol, datasets, profile)


def book_dataset(symbol: str, datasets: Sequence[Dataset], profile: SimulationProfile) -> Dataset:
    """Return the data set that a profile of level `book` or `orders` matches on.

    Raises:
        InputError: There is none.
    """
    words, kinds = _NEEDED[profile.fill_level]
    for kind in kinds:
        found = find_dataset(datasets, symbol, kind)
        if found is not None:
            return found
    there = ", ".join(
        f"{each.meta.name} ({each.meta.kind})"
        for each in datasets
        if each.meta.instrument.symbol == symbol
    )
    raise InputError(_missing(symbol, profile, words, kinds, there))


def any_book(
    symbol: str, datasets: Sequence[Dataset], profile: SimulationProfile
) -> Dataset | None:
    """Return what tells of an instrument's book, of the kind that it is matched on first."""
    kinds = ("orders", "book") if profile.fill_level is FillLevel.ORDERS else ("book", "orders")
    found = (find_dataset(datasets, symbol, kind) for kind in kinds)
    return next((each for each in found if each is not None), None)


def book_streams(
    subscriptions: Subscriptions,
    datasets: Sequence[Dataset],
    profile: SimulationProfile,
    start_ns: int,
    end_ns: int,
) -> list[Stream]:
    """Return the quotes and books that a strategy asked for, with the book it begins with.

    Raises:
        InputError: No data set has them.
    """
    streams = []
    for symbol in sorted(subscriptions.quotes):
        dataset = find_dataset(datasets, symbol, "quotes")
        if dataset is None:
            raise InputError(_not_there(symbol, "quotes", "quotes", datasets))
        rows = dataset.recorded(start_ns=start_ns, end_ns=end_ns)
        streams.append(Stream(f"quotes:{symbol}", rows, opened=_opened(dataset, start_ns)))
    for symbol in sorted(subscriptions.books):
        dataset = any_book(symbol, datasets, profile)
        if dataset is None:
            raise InputError(_not_there(symbol, "a book", "book or orders", datasets))
        streams.append(
            Stream(
                f"book:{symbol}",
                dataset.recorded(start_ns=start_ns, end_ns=end_ns),
                opened=_opened(dataset, start_ns),
                past=dataset.recorded(end_ns=start_ns - 1),
            )
        )
    return streams


def quotes_known(
    datasets: Sequence[Dataset], profile: SimulationProfile
) -> dict[str, StoredQuotes]:
    """Return the quotes that market orders fill at, by symbol; none where the profile asks none."""
    if profile.market_rule is not MarketRule.LAST:
        return {}
    found: dict[str, StoredQuotes] = {}
    for each in datasets:
        if each.meta.kind == "quotes":
            rows = [one for one in each.recorded() if isinstance(one, QuoteColumns)]
            found.setdefault(each.meta.instrument.symbol, StoredQuotes(rows))
    return found


def check_no_books(subscriptions: Subscriptions) -> None:
    """Check that a strategy on a venue's streams asks for no book: they bring none as yet.

    Raises:
        InputError: It asks for one.
    """
    asked = sorted(subscriptions.books | subscriptions.quotes)
    if asked:
        raise InputError(
            f"{', '.join(asked)}: the strategy asks for a book or quotes, which the venue's "
            "streams do not bring as yet; run it on recorded data with tieout backtest"
        )


def check_trades_or_bars(profile: SimulationProfile) -> None:
    """Check that a profile fills orders on what a venue's streams bring, trades or bars.

    Raises:
        InputError: It fills them on a recorded book.
    """
    if profile.matches_on_book:
        raise InputError(
            f"profile {profile.name} fills orders at level {profile.fill_level}, on a recorded "
            "book, which the venue's streams do not bring as yet; choose a profile of level "
            "naive, fixed, impact or drilldown"
        )


def prints(dataset: Dataset, *, end_ns: int | None = None) -> Iterator[TradeColumns]:
    """Yield what printed in a recorded book, from its first row on; ids count the prints."""
    seen = 0
    for rows in dataset.recorded(end_ns=end_ns):
        if isinstance(rows, BookColumns):
            places = np.flatnonzero(rows.kind == int(BookKind.TRADE))
        elif isinstance(rows, OrderEventColumns):
            places = np.flatnonzero(rows.action == int(OrderAction.TRADE))
        else:
            continue
        if not len(places):
            continue
        yield TradeColumns(
            rows.instrument,
            rows.venue_time_ns[places],
            rows.arrival_time_ns[places],
            rows.price_ticks[places],
            rows.lots[places],
            rows.side[places],
            np.arange(seen + 1, seen + len(places) + 1, dtype=np.int64),
        )
        seen += len(places)


def _opened(dataset: Dataset, at_ns: int) -> DataOpened:
    return DataOpened(
        stream=f"{'quotes' if dataset.meta.kind == 'quotes' else 'book'}:"
        f"{dataset.meta.instrument.symbol}",
        fingerprint=dataset.meta.fingerprint,
        rows=dataset.meta.rows,
        arrival_time_ns=at_ns,
    )


def _not_there(symbol: str, words: str, kinds: str, datasets: Sequence[Dataset]) -> str:
    there = ", ".join(f"{each.meta.name} ({each.meta.kind})" for each in datasets)
    return (
        f"{symbol}: the strategy asks for {words}, and no data set has it; named are {there}. "
        f"Import a data set of kind {kinds} and name it with --data"
    )


def recorded_market(
    symbol: str, datasets: Sequence[Dataset], profile: SimulationProfile
) -> Iterator[RecordedColumns]:
    """Yield the rows that an instrument is matched on, as they were received."""
    return _as_asked(book_dataset(symbol, datasets, profile).recorded(), profile)


def book_rows(
    symbol: str,
    columns: Sequence[MarketColumns | RecordedColumns],
    profile: SimulationProfile,
    chunk_rows: int,
) -> Iterator[RecordedColumns]:
    """Yield the rows that an instrument is matched on, of columns in memory.

    Raises:
        InputError: There are none.
    """
    words, kinds = _NEEDED[profile.fill_level]
    own = [each for each in columns if each.instrument == symbol]
    for kind in kinds:
        for each in own:
            found = (
                isinstance(each, BookColumns)
                if kind == "book"
                else isinstance(each, OrderEventColumns)
            )
            if found:
                pieces = range(0, len(each), chunk_rows)
                return _as_asked((each.rows(at, at + chunk_rows) for at in pieces), profile)  # type: ignore[misc]
    there = ", ".join(type(each).__name__ for each in own) or "nothing"
    raise InputError(_missing(symbol, profile, words, kinds, there))


def _as_asked(
    rows: Iterable[RecordedColumns], profile: SimulationProfile
) -> Iterator[RecordedColumns]:
    """Return rows as the level takes them: of single orders it makes levels where it wants such."""
    if profile.fill_level is FillLevel.ORDERS:
        yield from rows
        return
    book = None
    for each in rows:
        if not isinstance(each, OrderEventColumns):
            yield each
            continue
        if book is None:
            # It compiles for a quarter of a minute on a new machine, and few need it.
            from tieout.market.order_book import OrderBook  # noqa: PLC0415 - see above

            book = OrderBook()
        made = book.levels_of(each)
        if len(made):
            yield made


def _missing(
    symbol: str, profile: SimulationProfile, words: str, kinds: Sequence[str], there: str
) -> str:
    return (
        f"{symbol}: profile {profile.name} fills orders at level {profile.fill_level}, which needs "
        f"{words}; named are {there or 'none of it'}. Import a data set of kind "
        f"{' or '.join(kinds)} and name it, or choose a profile of another level"
    )
