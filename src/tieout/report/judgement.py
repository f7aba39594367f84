"""What a judge found in files of market data, as one page."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from tieout.history.judging import KINDS
from tieout.report.page import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tieout.history.judging import Finding

__all__ = ["judgement_page"]


def judgement_page(found: Sequence[Finding]) -> str:
    """Return the findings file by file, and how many there are of each kind.

    Args:
        found: In the order of their files.
    """
    kinds = {kind: sum(each.kind == kind for each in found) for kind in KINDS}
    return ENVIRONMENT.get_template("judgement.html").render(
        title="Market data, judged",
        defects=sum(each.severity == "defect" for each in found),
        notes=sum(each.severity == "note" for each in found),
        kinds=[(kind, count, KINDS[kind]) for kind, count in kinds.items() if count],
        files=[(file, list(group)) for file, group in groupby(found, lambda each: each.file)],
    )
