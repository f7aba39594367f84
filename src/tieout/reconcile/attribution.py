"""The attribution ladder: live minus twin, step by step, every step opened into its orders.

    rung 0  twin ─ data ▶ 1 ─ execution ▶ 2 ─ cost ▶ 3 ─ logic ▶ 4  live journal
                                                                    │ unexplained
                                                                    ▼
                                                                 5  the venue's statement

Each rung's profit comes from its own ledger; each row comes from its own fills. That the rows of a
step sum to the difference of the two ledgers is therefore a proof and not a definition.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.errors import InputError, InvariantViolated
from tieout.model.money import MONEY_DIGITS, decimal_text
from tieout.reconcile.breaks import Break, find_breaks
from tieout.reconcile.facts import facts_of
from tieout.reconcile.figures import (
    EquityPoint,
    Metrics,
    Slippage,
    drawdown,
    equity_curve,
    measure,
    price_series,
    slippage_of,
)
from tieout.reconcile.logic import ModelBand, model_band, open_logic
from tieout.reconcile.orders import OrderLine, order_lines
from tieout.reconcile.rows import OPTIONAL_PARTS, PARTS, Named, Row, Step
from tieout.reconcile.statement import open_statement
from tieout.reconcile.statistics import sharpe
from tieout.reconcile.steps import open_step
from tieout.reconcile.valuation import Valuation, dividends_of, profit, splits_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tieout.model.instruments import Instrument
    from tieout.model.profiles import SimulationProfile
    from tieout.model.statement import Statement
    from tieout.reconcile.records import RungRecord
    from tieout.reconcile.statement import StatementOpening

__all__ = ["Reconciliation", "RungFigures", "attribute"]

RUNG_NAMES: Final = (
    "twin",
    "data as recorded",
    "venue's answers",
    "costs as charged",
    "live journal",
    "venue's statement",
)
_LIVE: Final = 4
_STATEMENT: Final = 5


class RungFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One rung's own result.

    Attributes:
        profit: From its ledger (rung 5: from the statement), in internal money units.
        gross: Profit before fees and funding.
        fees: Positive is paid.
        funding: Positive is received.
        orders, fills: How many; None on the statement's rung for what it does not know.
        simulated_share: Simulated share of the turnover; None where nothing traded.
        drawdown: Deepest fall of equity from an earlier high; not additive over rungs.
        drawdown_share: The deepest as a share of that high.
        sharpe: Not additive; None where there is too little to say it.
        dividends: Positive is received; in gross, and not in funding.
    """

    rung: int
    name: str
    profit: int
    gross: int
    fees: int
    funding: int
    orders: int | None
    fills: int
    simulated_share: Fraction | None
    drawdown: int | None
    drawdown_share: Fraction | None
    sharpe: float | None
    dividends: int = 0


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """Live minus twin, explained.

    Attributes:
        run_id: The live run.
        currency: Of every amount; all are internal money units.
        live_pnl: What the venue's statement says, without what is named.
        twin_pnl: What the twin's own ledger says at its own marks.
        account_change: Balance and open profit at the end less those at the start; None
            without a statement.
        rungs: 0 … 4, and 5 where there is a statement.
        rows: Every line of every step.
        named: Transfers and foreign orders, taken off the account's change.
        orders: In the order they were decided.
        equity_live, equity_twin: Curves at the shared marks.
        has_statement: Without one, the last rung is missing and unexplained is not known.
        profile: Name of the simulation profile.
        notes: What a reader must know about how this was made.
        digits: Decimals that people read amounts of the currency in.
    """

    run_id: str
    currency: str
    live_pnl: int
    twin_pnl: int
    account_change: int | None
    rungs: tuple[RungFigures, ...]
    rows: tuple[Row, ...]
    named: tuple[Named, ...]
    orders: tuple[OrderLine, ...]
    metrics: Metrics
    slippage: Slippage
    model_band: ModelBand
    breaks: tuple[Break, ...]
    equity_live: tuple[EquityPoint, ...]
    equity_twin: tuple[EquityPoint, ...]
    has_statement: bool
    profile: str
    notes: tuple[str, ...]
    digits: int = 2

    @property
    def difference(self) -> int:
        """Live minus twin."""
        return self.live_pnl - self.twin_pnl

    @property
    def has_breaks(self) -> bool:
        """Whether anything does not agree; the command exits with 1 then."""
        return bool(self.breaks)

    @property
    def steps(self) -> dict[Step, int]:
        """Each step's amount: the sum of its rows."""
        return {step: sum(row.amount for row in self.rows if row.step is step) for step in Step}

    def parts(self, step: Step) -> dict[str, int]:
        """Return a step's parts; each the sum of its rows, zeros included."""
        amounts = dict.fromkeys(PARTS[step], 0)
        for row in self.rows:
            if row.step is step:
                amounts[row.part] += row.amount
        shown = {row.part for row in self.rows}
        for part in OPTIONAL_PARTS:
            if part not in shown:
                amounts.pop(part, None)
        return amounts

    def check(self) -> None:
        """Prove that the rows explain the ledgers.

        Raises:
            InvariantViolated: Rows of a step do not sum to the difference of its rungs, the
                steps do not sum to live minus twin, or the orders do not sum to the rows.
        """
        for row in self.rows:
            if row.part not in PARTS[row.step]:
                raise InvariantViolated(f"a row of {row.step} has the unknown part {row.part!r}")
        profits = [each.profit for each in self.rungs]
        steps = self.steps
        for step, upper, lower in zip(Step, profits, profits[1:], strict=False):
            opened = steps[step]
            if opened != lower - upper:
                raise InvariantViolated(
                    f"step {step}: its rows sum to {decimal_text(opened)} and its ledgers differ "
                    f"by {decimal_text(lower - upper)}; one row or one fill was read wrongly"
                )
        if sum(steps.values()) != self.difference:
            raise InvariantViolated(
                f"the steps sum to {decimal_text(sum(steps.values()))} and live minus twin "
                f"is {decimal_text(self.difference)}"
            )
        by_orders = sum(line.amount for line in self.orders)
        by_rows = sum(row.amount for row in self.rows if row.decision_id)
        if by_orders != by_rows:
            raise InvariantViolated(
                f"the orders sum to {decimal_text(by_orders)} and their rows to "
                f"{decimal_text(by_rows)}"
            )

    def facts(self) -> dict[str, object]:
        """Return everything as JSON: amounts are exact decimal texts, statistics are numbers."""
        return facts_of(self)


def attribute(
    rungs: Sequence[RungRecord],
    statement: Statement | None,
    *,
    run_id: str,
    instruments: Mapping[str, Instrument],
    profile_used: SimulationProfile,
) -> Reconciliation:
    """Explain live minus twin.

    Args:
        rungs: Rung 0 (the twin) to rung 4 (the live journal).
        statement: The venue's; None where there is no account (paper): then live's profit is
            its ledger's, and nothing can be unexplained.
        run_id: The live run, to know its orders at the venue.
        instruments: Everything the runs traded, by symbol.
        profile_used: The simulation profile of rungs 0 to 3.

    Raises:
        InputError: A rung is missing, the live run has not ended, rungs started from other
            positions, or a mark is missing.
        InvariantViolated: The rows do not explain the ledgers; this is our fault.
    """
    valuation = _shared_valuation(rungs, instruments)
    live, twin = rungs[_LIVE], rungs[0]
    profits = [profit(record, valuation) for record in rungs]
    opening = (
        None
        if statement is None
        else open_statement(statement, live, run_id=run_id, valuation=valuation)
    )
    valued = _valuation_rows(twin, valuation)
    profits[0] = profit(twin, _own_marks(twin, valuation))
    rows = (*valued, *_ladder_rows(rungs, valuation, profile_used))
    if opening is not None:
        rows = (*rows, *opening.rows)
    curves = _curves(rungs, valuation)
    live_pnl = profits[_LIVE] if opening is None else opening.live_profit
    result = Reconciliation(
        run_id=run_id,
        currency=_currency(instruments),
        live_pnl=live_pnl,
        twin_pnl=profits[0],
        account_change=None if opening is None else opening.account_change,
        rungs=_rung_figures(rungs, profits, curves, opening, valuation),
        rows=rows,
        named=() if opening is None else opening.named,
        orders=order_lines(rungs, rows, valuation),
        metrics=measure(
            twin, live, twin_profit=profits[0], live_profit=live_pnl, valuation=valuation
        ),
        slippage=slippage_of(live, valuation),
        model_band=model_band(rungs[3], live, modelled=rungs[1], valuation=valuation),
        breaks=find_breaks(twin, live, rows=rows, opening=opening, valuation=valuation),
        equity_live=tuple(curves[_LIVE]),
        equity_twin=tuple(curves[0]),
        has_statement=opening is not None,
        profile=profile_used.name,
        notes=_notes(opening),
        digits=max((each.shown_digits for each in instruments.values()), default=2),
    )
    result.check()
    return result


def _shared_valuation(
    rungs: Sequence[RungRecord], instruments: Mapping[str, Instrument]
) -> Valuation:
    if len(rungs) != _LIVE + 1:
        raise InputError(
            f"attribution needs rungs 0 to {_LIVE} and has {len(rungs)}; run the whole ladder"
        )
    live = rungs[_LIVE]
    if live.ended_ns is None:
        raise InputError(
            f"{live.name}: the live run has not ended; stop it first, so that it has a final mark"
        )
    held = {symbol: lots for symbol, (lots, _) in live.start_positions.items() if lots}
    for record in rungs:
        own = {symbol: lots for symbol, (lots, _) in record.start_positions.items() if lots}
        if own != held:
            raise InputError(
                f"{record.name}: started from positions {own} and live from {held} (lots); "
                "every rung must start from the live run's first start"
            )
    return Valuation(instruments, live.start_marks, live.end_marks, splits_of(live))


def _own_marks(twin: RungRecord, valuation: Valuation) -> Valuation:
    """Return the twin's own marks, filled from live's where its journal names none."""
    return Valuation(
        valuation.instruments,
        {**valuation.start, **twin.start_marks},
        {**valuation.end, **twin.end_marks},
        valuation.splits,
    )


def _valuation_rows(twin: RungRecord, valuation: Valuation) -> tuple[Row, ...]:
    """What the twin's positions are worth at live's marks instead of its own."""
    own = _own_marks(twin, valuation)
    rows = []
    for symbol, lots in twin.final_lots().items():
        held = twin.start_positions.get(symbol, (0, 0))[0]
        amount = 0
        value = valuation.instrument(symbol).value
        if lots:
            amount += value(lots, valuation.end_mark(symbol)) - value(lots, own.end_mark(symbol))
        if held:
            amount -= value(held, valuation.start_mark(symbol)) - value(
                held, own.start_mark(symbol)
            )
        if amount:
            rows.append(
                Row(
                    step=Step.DATA,
                    part="valuation",
                    decision_id="",
                    amount=amount,
                    evidence={
                        "instrument": symbol,
                        "start_lots": held,
                        "end_lots": lots,
                        "upper": {
                            "start_ticks": own.start.get(symbol),
                            "end_ticks": own.end.get(symbol),
                        },
                        "lower": {
                            "start_ticks": valuation.start.get(symbol),
                            "end_ticks": valuation.end.get(symbol),
                        },
                    },
                )
            )
    return tuple(rows)


def _ladder_rows(
    rungs: Sequence[RungRecord], valuation: Valuation, profile_used: SimulationProfile
) -> list[Row]:
    grain = 10 ** (MONEY_DIGITS - profile_used.fee_digits)
    rows: list[Row] = []
    for number, step in enumerate((Step.DATA, Step.EXECUTION, Step.COST)):
        rows += open_step(
            rungs[number],
            rungs[number + 1],
            step=step,
            valuation=valuation,
            grain=grain if step is Step.COST else 0,
        )
    return rows + open_logic(rungs[3], rungs[_LIVE], modelled=rungs[1], valuation=valuation)


def _curves(rungs: Sequence[RungRecord], valuation: Valuation) -> list[list[EquityPoint]]:
    live = rungs[_LIVE]
    assert live.ended_ns is not None, live.name
    series = price_series(live, rungs)
    return [equity_curve(record, valuation, series, end_ns=live.ended_ns) for record in rungs]


def _rung_figures(
    rungs: Sequence[RungRecord],
    profits: Sequence[int],
    curves: Sequence[Sequence[EquityPoint]],
    opening: StatementOpening | None,
    valuation: Valuation,
) -> tuple[RungFigures, ...]:
    real = {(fill.decision_id, fill.trade_id) for fill in rungs[_LIVE].fills}
    figures = []
    for number, record in enumerate(rungs):
        fees = sum(fill.fee for fill in record.fills)
        funding = sum(charge.amount for charge in record.funding)
        fallen, share = drawdown(curves[number])
        figures.append(
            RungFigures(
                rung=number,
                name=RUNG_NAMES[number],
                profit=profits[number],
                gross=profits[number] + fees - funding,
                fees=fees,
                funding=funding,
                orders=len(record.orders),
                fills=len(record.fills),
                simulated_share=_simulated_share(record, number, real, valuation),
                drawdown=fallen,
                drawdown_share=share,
                sharpe=sharpe(curves[number]),
                dividends=dividends_of(record),
            )
        )
    if opening is not None:
        figures.append(
            RungFigures(
                rung=_STATEMENT,
                name=RUNG_NAMES[_STATEMENT],
                profit=opening.live_profit,
                gross=opening.live_profit + opening.fees - opening.funding,
                fees=opening.fees,
                funding=opening.funding,
                orders=None,
                fills=opening.trades,
                simulated_share=None,
                drawdown=None,
                drawdown_share=None,
                sharpe=None,
            )
        )
    return tuple(figures)


def _simulated_share(
    record: RungRecord, number: int, real: set[tuple[str, str]], valuation: Valuation
) -> Fraction | None:
    """Rungs 0 and 1 simulate everything; later ones what the venue never answered."""
    turnover = simulated = 0
    for fill in record.fills:
        traded = valuation.notional(fill)
        turnover += traded
        if number < 2 or (fill.decision_id, fill.trade_id) not in real:
            simulated += traded
    return Fraction(simulated, turnover) if turnover else None


def _currency(instruments: Mapping[str, Instrument]) -> str:
    currencies = {each.currency for each in instruments.values()}
    if len(currencies) > 1:
        raise InputError(
            f"the instruments are in {', '.join(sorted(currencies))}; one reconciliation has one "
            "currency, so reconcile them apart"
        )
    return next(iter(currencies), "")


def _notes(opening: StatementOpening | None) -> tuple[str, ...]:
    notes = [
        "Every rung is valued at the live run's start and final marks; the twin's profit is at "
        "its own marks, and the difference is the valuation line of the data step.",
        "Drawdown and Sharpe ratio are given per rung and do not add up.",
    ]
    if opening is None:
        notes.append(
            "There is no account statement: the ladder ends with the live journal, and nothing "
            "can be said about money that the journal does not know."
        )
    return tuple(notes)
