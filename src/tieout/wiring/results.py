"""What a run or a replay came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from tieout.model.money import money_decimal

if TYPE_CHECKING:
    from tieout.adapters.venues.simulated import Certainty
    from tieout.journal import (
        Difference,
        JournalWriter,
    )
    from tieout.kernel.loop import Kernel


_BREAKS_LISTED = 100

__all__ = ["Hashes", "Replayed", "Result", "in_words", "result_of"]


class Hashes:
    """What identifies a run's decisions and its end, worked out when somebody asks.

    A run in compiled code names its orders only then.
    """

    def __init__(self, kernel: Kernel, journal: JournalWriter) -> None:
        self._kernel = kernel
        self._journal = journal

    @cached_property
    def state(self) -> str:
        """Hash of the kernel."""
        return self._kernel.state_hash()

    @cached_property
    def decisions(self) -> str:
        """Chained hash of all decisions."""
        return self._journal.decisions_chain

    def __eq__(self, other: object) -> bool:
        """Whether both hashes are the same."""
        if not isinstance(other, Hashes):
            return NotImplemented
        return (self.state, self.decisions) == (other.state, other.decisions)

    def __hash__(self) -> int:
        """Return a hash of both."""
        return hash((self.state, self.decisions))


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to.

    Attributes:
        run_id: Empty for a run that was not kept.
        fills: How many.
        orders: How many left.
        denied: How many wishes the risk gate refused.
        profit: Realised and open profit at the final marks, less fees, plus funding and dividends.
        fees, funding: Paid and received.
        equity: At the final marks.
        failure: What the strategy raised; empty when it did not.
        ambiguous_bars: Bars in which a stop and a limit could have filled; the stop was taken.
        hashes: Of decisions and state.
        certainty: What decided the fills; None where a real venue did.
        dividends: Received.
    """

    run_id: str
    fills: int
    orders: int
    denied: int
    profit: Decimal
    fees: Decimal
    funding: Decimal
    equity: Decimal
    failure: str
    ambiguous_bars: int
    hashes: Hashes = field(repr=False)
    certainty: Certainty | None = None
    dividends: Decimal = Decimal(0)

    @property
    def state_hash(self) -> str:
        """Hash of the kernel at the end."""
        return self.hashes.state

    @property
    def decisions_hash(self) -> str:
        """Chained hash of all decisions."""
        return self.hashes.decisions

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values for JSON or a table."""
        return {
            "run": self.run_id,
            "profit": str(self.profit),
            "fees": str(self.fees),
            "funding": str(self.funding),
            **({"dividends": str(self.dividends)} if self.dividends else {}),
            "equity": str(self.equity),
            "orders": self.orders,
            "fills": self.fills,
            "denied": self.denied,
            "ambiguous_bars": self.ambiguous_bars,
            **_certainty_facts(self.certainty, self.profit),
            "decisions_hash": self.decisions_hash,
            "state_hash": self.state_hash,
            "failure": self.failure,
        }


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found.

    Attributes:
        decisions: How many the replay made.
        difference: The first decision that differs, or None.
        after: The input that came before it, in words.
        code_changed: Whether the strategy's file is another than the run's.
    """

    decisions: int
    difference: Difference | None
    after: str
    code_changed: bool

    @property
    def identical(self) -> bool:
        """Whether the decision streams are the same, byte for byte."""
        return self.difference is None

    def facts(self) -> dict[str, Any]:
        """Return everything as plain values for JSON."""
        facts: dict[str, Any] = {
            "identical": self.identical,
            "decisions": self.decisions,
            "code_changed": self.code_changed,
        }
        if self.difference is not None:
            facts["difference"] = {
                "index": self.difference.index,
                "recorded": in_words(self.difference.recorded),
                "replayed": in_words(self.difference.replayed),
                "after": self.after,
            }
        return facts

    def text(self) -> str:
        """Return the finding as a person reads it."""
        changed = " (the strategy's file has changed since)" if self.code_changed else ""
        if self.difference is None:
            return f"identical: {self.decisions} decisions, byte for byte{changed}"
        return (
            f"decision {self.difference.index} differs{changed}\n"
            f"  recorded: {in_words(self.difference.recorded) or 'nothing more'}\n"
            f"  replayed: {in_words(self.difference.replayed) or 'nothing more'}\n"
            f"  after:    {self.after}"
        )


def result_of(
    run_id: str,
    kernel: Kernel,
    journal: JournalWriter,
    *,
    ambiguous_bars: int,
    certainty: Certainty | None = None,
) -> Result:
    """Read a run's figures off its kernel at the last prices seen."""
    marks = kernel.last_prices()
    ledger = kernel.ledger
    orders, fills = kernel.orders.counts()
    return Result(
        run_id=run_id,
        fills=fills,
        orders=orders,
        denied=kernel.denied,
        profit=money_decimal(ledger.profit(marks)),
        fees=money_decimal(ledger.fees),
        funding=money_decimal(ledger.funding),
        equity=money_decimal(ledger.equity(marks)),
        failure="" if kernel.failure is None else repr(kernel.failure),
        ambiguous_bars=ambiguous_bars,
        hashes=Hashes(kernel, journal),
        certainty=certainty,
        dividends=money_decimal(ledger.dividends),
    )


def _certainty_facts(certainty: Certainty | None, profit: Decimal) -> dict[str, Any]:
    """Return what decided the fills, as plain values; nothing where a real venue did."""
    if certainty is None:
        return {}
    facts: dict[str, Any] = {
        "resolved_by": certainty.fills,
        "unresolved_bars": certainty.unresolved_bars,
    }
    breaks = {
        "data_breaks": certainty.break_counts,
        "data_break_lines": [
            msgspec.to_builtins(each) for each in certainty.breaks[:_BREAKS_LISTED]
        ],
    }
    bounds = certainty.bounds
    if bounds is None:
        return facts | breaks if certainty.break_counts else facts
    opened = sum(certainty.bars_opened.values())
    without = profit - money_decimal(bounds.taken)
    return facts | {
        "unresolved_share": round(certainty.unresolved_bars / opened, 6) if opened else 0.0,
        "unresolved_profit": {
            "worst": str(money_decimal(bounds.worst)),
            "taken": str(money_decimal(bounds.taken)),
            "best": str(money_decimal(bounds.best)),
        },
        "profit_at_worst": str(without + money_decimal(bounds.worst)),
        "profit_at_best": str(without + money_decimal(bounds.best)),
        "bars_scanned": certainty.bars_scanned,
        "bars_opened": certainty.bars_opened,
        "rows_matched": certainty.rows_matched,
        **breaks,
    }


def in_words(record: object) -> str:
    """Return a record as a person reads it; empty for none."""
    if record is None:
        return ""
    return repr(record)
