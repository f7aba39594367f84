"""Orders that act on each other: one cancels the other, one updates the other, brackets.

A link is told the news of its members, whether they are at the venue, kept here or worked in parts,
and acts on the others at once: a cancel of one that is done already is never sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tieout.kernel.compositions.base import ENDS, Composition
from tieout.model.events import Fill, OrderAmended, OrderCancelled
from tieout.model.orders import Link
from tieout.model.splits import lots_after, order_after

if TYPE_CHECKING:
    from tieout.kernel.compositions.base import News
    from tieout.kernel.desk import Desk
    from tieout.model.orders import AmendOrder, PlaceOrder
    from tieout.model.splits import Ratio

__all__ = ["Bracket", "HeldLeg", "OneCancelsOther", "OneUpdatesOther"]


class OneCancelsOther:
    """A fill of one member, however small, cancels the others.

    That one ends in another way leaves the others alone: a stop-loss must not go because its
    take-profit was refused.
    """

    def __init__(self, desk: Desk, members: tuple[str, ...]) -> None:
        self.desk = desk
        self.members = members

    def took(self, news: News) -> None:
        """Take the news of a member."""
        if type(news) is Fill:
            for other in self.members:
                if other != news.decision_id:
                    self.desk.drop(other, self.desk.cause)

    def split(self, instrument: str, ratio: Ratio) -> None:
        """Take it that an instrument was split: sizes are none of its business."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return int(Link.ONE_CANCELS_OTHER), self.members


class OneUpdatesOther:
    """Together the members never fill more than one of them wants.

    A fill of one makes the others smaller by as much; a new size of one becomes the size of all.

    Attributes:
        wanted_lots: What they may fill together.
        filled_lots: What they have filled together.
    """

    def __init__(self, desk: Desk, members: tuple[str, ...], wanted_lots: int) -> None:
        self.desk = desk
        self.members = members
        self.wanted_lots = wanted_lots
        self.filled_lots = 0

    @property
    def open_lots(self) -> int:
        """What they may still fill together."""
        return self.wanted_lots - self.filled_lots

    def took(self, news: News) -> None:
        """Take the news of a member."""
        if type(news) is Fill:
            self.filled_lots += news.lots
            self.share(self.desk.cause)
        elif type(news) is OrderAmended:
            self.wanted_lots = self.filled_lots + self.desk.wanted_lots(news.decision_id)
            self.share(self.desk.cause)

    def split(self, instrument: str, ratio: Ratio) -> None:
        """Want what a split leaves, where it is of its members' instrument."""
        terms = self.desk.terms(self.members[0])
        if terms is not None and terms.instrument == instrument:
            self.wanted_lots = self.filled_lots + lots_after(self.open_lots, ratio)

    def share(self, cause: str) -> None:
        """Give every member the size that is left."""
        for member in self.members:
            self.desk.resize(member, self.open_lots, cause)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return (
            int(Link.ONE_UPDATES_OTHER),
            self.members,
            self.wanted_lots,
            self.filled_lots,
        )


class HeldLeg(Composition):
    """A leg of a bracket that waits for its entry to fill; it counts in no exposure."""

    until = "parent"

    def amend(self, wish: AmendOrder) -> None:
        """Change its prices; its size is what the entry fills."""
        if wish.lots is None:
            super().amend(wish)
        else:
            self.desk.deny_amend(
                wish,
                self.order.instrument,
                "held",
                f"{self.order.instrument}: the leg gets the size that its entry fills; amend the "
                "entry instead",
            )

    def split(self, ratio: Ratio, cause: str) -> None:
        """Be priced as a split leaves it; its size is what the entry fills."""
        after = order_after(self.order, 0, ratio)
        self.order = msgspec.structs.replace(after, lots=max(1, after.lots))
        self.desk.tell_amended(self.order, cause)

    def release(self, lots: int, entry: str) -> None:
        """Let it go, so large."""
        self.close()
        order = self.desk.stamped(self.order, f"leg:{self.id}:released")
        self.desk.submit(msgspec.structs.replace(order, lots=lots, parent_id=entry))


class Bracket(OneUpdatesOther):
    """An entry, and the exits that its fills release; the exits update each other.

    The exits wait until the entry fills. They are released and grow with every fill, or, where the
    bracket is `whole`, once the entry is done. When the entry ends without a fill they go with it.
    When the position is closed by other orders, they shrink with it, of several brackets the oldest
    first, and the rest of an entry whose position was closed is cancelled.

    Attributes:
        released: Whether the exits have left.
    """

    def __init__(
        self, desk: Desk, entry: PlaceOrder, legs: tuple[str, ...], *, whole: bool
    ) -> None:
        super().__init__(desk, legs, 0)
        self.entry = entry.decision_id
        self.instrument = entry.instrument
        self.side = entry.side
        self.whole = whole
        self.released = False
        self.entry_filled_lots = 0
        self.given_up_lots = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing more can come of it."""
        return not any(self.desk.is_open(each) for each in (self.entry, *self.members))

    def took(self, news: News) -> None:
        """Take the news of the entry or of an exit."""
        if news.decision_id != self.entry:
            super().took(news)
            return
        if type(news) is Fill:
            self.entry_filled_lots += news.lots
        elif not isinstance(news, ENDS):
            return
        if self.whole and self.desk.is_open(self.entry):
            return
        if self.entry_filled_lots:
            self._grow(self.entry_filled_lots - self.given_up_lots)
        else:
            self._void(news)

    def split(self, instrument: str, ratio: Ratio) -> None:
        """Guard what a split leaves of the position."""
        if instrument != self.instrument:
            return
        guarded = self.entry_filled_lots - self.given_up_lots - self.filled_lots
        self.given_up_lots = 0
        self.entry_filled_lots = self.filled_lots + lots_after(guarded, ratio)
        if self.released:
            self.wanted_lots = self.entry_filled_lots

    def give_up(self, lots: int) -> None:
        """Shrink by what other orders closed of the position."""
        self.given_up_lots += lots
        self.wanted_lots -= lots
        self.share(self.desk.cause)
        if self.open_lots == 0:
            self.desk.drop(self.entry, self.desk.cause)

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that its next decision depends on."""
        return (
            int(Link.BRACKET),
            self.entry,
            *super().snapshot(),
            self.released,
            self.entry_filled_lots,
            self.given_up_lots,
        )

    def _grow(self, wanted_lots: int) -> None:
        self.wanted_lots = wanted_lots
        if self.released:
            self.share(self.desk.cause)
            return
        self.released = True
        for member in self.members:
            leg = self.desk.composed.get(member)
            if isinstance(leg, HeldLeg):
                leg.release(self.open_lots, self.entry)

    def _void(self, news: News) -> None:
        for member in self.members:
            leg = self.desk.composed.get(member)
            if not isinstance(leg, HeldLeg):
                continue
            if type(news) is OrderCancelled:
                leg.finish("parent")
            else:
                leg.close()
                self.desk.deny(
                    leg.order,
                    "parent",
                    f"{self.instrument}: the entry of the bracket did not come about "
                    f"({type(news).__name__}); place the bracket again",
                )
