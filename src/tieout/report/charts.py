"""The pictures of a report: plain SVG, drawn here, with nothing to fetch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from tieout.report.numbers import cents, clock, signed_cents
from tieout.report.scales import Span, money_ticks, thinned, time_ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tieout.reconcile import EquityPoint

__all__ = [
    "Line",
    "Shade",
    "WaterfallBar",
    "divergence",
    "equity_chart",
    "stacked",
    "standalone",
    "waterfall",
]

_WIDTH = 960
_LEFT, _RIGHT = 92, 16
_BUCKETS = 900
_TOP_HEIGHT, _LOW_HEIGHT = 280, 96
_ROW = 34

STYLE = """
svg{font:12px system-ui,sans-serif}
.axis{stroke:#8886;stroke-width:1}.grid{stroke:#8883;stroke-width:1}
.label{fill:currentColor;opacity:.75}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.live{stroke:#0072b2}.twin{stroke:#d55e00;stroke-dasharray:5 3}.gap{stroke:#7a5195}
.key-live{fill:#0072b2}.key-twin{fill:#d55e00}.shade{fill:#8882}
.gain{fill:#0072b2}.loss{fill:#d55e00}.level{fill:currentColor}.link{stroke:#8888;stroke-width:1}
.amount{fill:currentColor;font-variant-numeric:tabular-nums}.strong{font-weight:600}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of a chart.

    Attributes:
        name: As the legend has it.
        style: `live`, `twin` or `gap`.
        points: (time in ns, money units), in order of time.
    """

    name: str
    style: str
    points: Sequence[EquityPoint]


@dataclass(frozen=True, slots=True)
class Shade:
    """A time that is set off, with the reason."""

    from_ns: int
    until_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class WaterfallBar:
    """One line of a waterfall; `start` and `end` are levels, equal for twin and live."""

    name: str
    start: int
    end: int

    @property
    def is_level(self) -> bool:
        """Whether it is a result and no step."""
        return self.name in ("twin", "live")


def equity_chart(lines: Sequence[Line], shades: Iterable[Shade] = (), *, digits: int = 2) -> Markup:
    """Return curves over one axis of time, and under them the first less the second.

    Args:
        lines: One or two; with two the difference is drawn below.
        shades: Times to set off.
        digits: Decimals of the amounts at the axis.
    """
    times = [point[0] for line in lines for point in line.points]
    if not times:
        return Markup('<p class="none">No equity is known.</p>')
    across = Span(min(times), max(times), _LEFT, _WIDTH - _RIGHT)
    shown = list(shades)
    above = _panel(lines, across, shown, top=24, height=_TOP_HEIGHT, digits=digits)
    parts = [above, _legend(lines)]
    below = 24 + _TOP_HEIGHT
    if len(lines) == 2:
        gap = Line(f"{lines[0].name} − {lines[1].name}", "gap", divergence(*lines))
        parts.append(
            _panel([gap], across, shown, top=below + 18, height=_LOW_HEIGHT, digits=digits)
        )
        parts.append(_text(_LEFT + 6, below + 14, gap.name, "label"))
        below += 18 + _LOW_HEIGHT
    parts.append(_time_axis(across, below))
    return _svg(_WIDTH, below + 28, parts, "Equity over time")


def divergence(live: Line, twin: Line) -> list[EquityPoint]:
    """Return live less twin at every time that either curve knows; each holds until its next."""
    found: list[EquityPoint] = []
    ones, others = list(live.points), list(twin.points)
    if not ones or not others:
        return found
    mine = theirs = 0
    for time_ns in sorted({point[0] for point in (*ones, *others)}):
        while mine + 1 < len(ones) and ones[mine + 1][0] <= time_ns:
            mine += 1
        while theirs + 1 < len(others) and others[theirs + 1][0] <= time_ns:
            theirs += 1
        found.append((time_ns, ones[mine][1] - others[theirs][1]))
    return found


def waterfall(bars: Sequence[WaterfallBar], *, digits: int = 2) -> Markup:
    """Return the steps from twin to live, each from where the one before it ended."""
    levels = [level for bar in bars for level in (bar.start, bar.end)]
    low, high = min(levels), max(levels)
    room = max((high - low) // 20, 1)
    across = Span(low - room, high + room, 128, _WIDTH - 150)
    parts: list[Markup] = []
    for place, bar in enumerate(bars):
        top = 8 + place * _ROW
        parts.append(_waterfall_row(bar, across, top, digits))
        if place + 1 < len(bars):
            x = across.at(bar.end)
            parts.append(_line(x, top + 6, x, top + _ROW + 20, "link"))
    return _svg(_WIDTH, 16 + len(bars) * _ROW, parts, "From twin to live, step by step")


def stacked(drawings: Sequence[Markup]) -> Markup:
    """Return drawings under each other as one."""
    parts, top = [], 0
    for each in drawings:
        opened, rest = str(each).split(">", 1)
        height = int(opened.split('viewBox="')[1].split('"')[0].split()[3])
        inner = Markup(rest.removesuffix("</svg>"))  # noqa: S704 - it was Markup before
        parts.append(Markup('<g transform="translate(0 {})">{}</g>').format(top, inner))
        top += height + 12
    return _svg(_WIDTH, top, parts, "Live and twin")


def standalone(chart: Markup) -> str:
    """Return a chart as a file of its own, with its style in it."""
    opened, rest = str(chart).split(">", 1)
    return (
        f'{opened} xmlns="http://www.w3.org/2000/svg" color="#333">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{rest}\n'
    )


def _panel(
    lines: Sequence[Line],
    across: Span,
    shades: Sequence[Shade],
    *,
    top: int,
    height: int,
    digits: int,
) -> Markup:
    values = [point[1] for line in lines for point in line.points]
    low, high = min(values), max(values)
    room = max((high - low) // 20, 1)
    up = Span(low - room, high + room, top + height, top)
    parts = [_shade(each, across, top, height) for each in shades]
    for tick in money_ticks(low - room, high + room, max(height // 56, 3)):
        y = up.at(tick)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(_text(_LEFT - 8, y + 4, cents(tick, digits), "label", "end"))
    for line in lines:
        points = " ".join(
            f"{across.at(time):.1f},{up.at(value):.1f}"
            for time, value in thinned(line.points, _BUCKETS)
        )
        parts.append(
            Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>').format(
                line.style, points, line.name
            )
        )
        if len(line.points) == 1:
            x, y = across.at(line.points[0][0]), up.at(line.points[0][1])
            parts.append(
                Markup('<circle class="line {}" cx="{}" cy="{}" r="3"/>').format(line.style, x, y)
            )
    return Markup("").join(parts)


def _legend(lines: Sequence[Line]) -> Markup:
    parts = []
    for place, line in enumerate(lines):
        x = _LEFT + place * 130
        parts.append(_line(x, 12, x + 26, 12, f"line {line.style}"))
        parts.append(_text(x + 32, 16, line.name, "label"))
    return Markup("").join(parts)


def _time_axis(across: Span, y: int) -> Markup:
    parts = [_line(_LEFT, y, _WIDTH - _RIGHT, y, "axis")]
    whole_days = across.high - across.low > 8 * 86_400 * 10**9
    for tick in time_ticks(across.low, across.high, 7):
        x = across.at(tick)
        moment = clock(tick)
        shown = moment[:10] if whole_days else moment[5:16]
        parts.append(_line(x, y, x, y + 5, "axis"))
        # A label at the right edge would be cut.
        anchor = "end" if x > _WIDTH - 60 else "middle"
        parts.append(_text(x, y + 20, shown, "label", anchor))
    return Markup("").join(parts)


def _shade(shade: Shade, across: Span, top: int, height: int) -> Markup:
    left = max(across.at(max(shade.from_ns, across.low)), across.from_pixel)
    right = min(across.at(min(shade.until_ns, across.high)), across.to_pixel)
    return Markup(
        '<rect class="shade" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'
    ).format(f"{left:.1f}", top, f"{max(right - left, 1.5):.1f}", height, shade.reason)


def _waterfall_row(bar: WaterfallBar, across: Span, top: int, digits: int) -> Markup:
    middle = top + 20
    strong = " strong" if bar.is_level else ""
    parts = [_text(8, middle, bar.name, f"label{strong}")]
    if bar.is_level:
        x = across.at(bar.end)
        parts.append(
            Markup('<rect class="level" x="{}" y="{}" width="4" height="22"/>').format(
                f"{x - 2:.1f}", top + 5
            )
        )
        amount = cents(bar.end, digits)
    else:
        left, right = sorted((across.at(bar.start), across.at(bar.end)))
        kind = "gain" if bar.end >= bar.start else "loss"
        parts.append(
            Markup('<rect class="{}" x="{}" y="{}" width="{}" height="16"/>').format(
                kind, f"{left:.1f}", top + 8, f"{max(right - left, 1.0):.1f}"
            )
        )
        amount = signed_cents(bar.end - bar.start, digits)
    parts.append(_text(_WIDTH - 8, middle, amount, f"amount{strong}", "end"))
    return Markup("").join(parts)


def _svg(width: int, height: int, parts: Iterable[Markup], title: str) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, height, title, Markup("").join(parts)
    )


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(
        style, f"{x:.1f}", f"{y:.1f}", anchor, escape(text)
    )


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    return Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(
        style, f"{x1:.1f}", f"{y1:.1f}", f"{x2:.1f}", f"{y2:.1f}"
    )
