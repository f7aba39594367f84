"""How a reconciliation looks in a terminal: the waterfall from twin to live, then the breaks."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

__all__ = ["show_reconciliation"]

_WIDTH = 40
_BREAKS_SHOWN = 12


def show_reconciliation(facts: dict[str, Any]) -> None:
    """Print what `reconcile --json` gives, for people."""
    currency = facts["currency"]
    steps = {name: Decimal(text) for name, text in facts["steps"].items()}
    largest = max((abs(amount) for amount in steps.values()), default=Decimal(0)) or Decimal(1)
    lines = ["", f"{'twin':<16}{facts['twin_pnl']:>18} {currency}"]
    for name, amount in steps.items():
        bar = round(abs(amount) / largest * _WIDTH)
        mark = ("+" if amount > 0 else "-") * bar
        lines.append(f"  {name:<14}{facts['steps'][name]:>18}  {mark}")
        parts = facts.get(f"{name}_parts", {})
        lines += [f"    {part:<12}{text:>18}" for part, text in parts.items() if Decimal(text) != 0]
    lines.append(f"{'live':<16}{facts['live_pnl']:>18} {currency}")
    lines.append(f"{'difference':<16}{facts['difference']:>18} {currency}")
    metrics = facts["metrics"]
    lines.append("")
    lines += [f"{name.replace('_', ' '):<22}{_number(value)}" for name, value in metrics.items()]
    breaks = facts["breaks"]
    lines.append("")
    lines.append(f"{len(breaks)} breaks" if breaks else "no break")
    for each in breaks[:_BREAKS_SHOWN]:
        shown = each["amount"] or ""
        lines.append(f"  {each['severity']:<8}{each['kind']:<20}{shown:>14}  {each['order']}")
    if len(breaks) > _BREAKS_SHOWN:
        lines.append(f"  ... and {len(breaks) - _BREAKS_SHOWN} more; --json shows all")
    sys.stdout.write("\n".join(lines) + "\n")


def _number(value: float | None) -> str:
    return "too few data" if value is None else f"{value:.4g}"
