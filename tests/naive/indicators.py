"""Indicators written out from their definitions over whole series: plain Python, in ticks and lots.

None stands for what is not there yet. Averages of integers are exact sums divided once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Any

Line = list[float | None]


@dataclass
class Bars:
    """Columns in ticks and lots; `other` is another stream's close."""

    o: list[int]
    h: list[int]
    l: list[int]  # noqa: E741
    c: list[int]
    v: list[int]
    other: list[int]


# -- what definitions are made of ----------------------------------------------------------------


def each(function: Callable[..., float], *lines: Sequence[float | None]) -> Line:
    return [None if None in row else function(*row) for row in zip(*lines, strict=True)]


def windows(line: Sequence[float | None], count: int) -> Iterable[list[float] | None]:
    for row in range(len(line)):
        part = line[max(row - count + 1, 0) : row + 1]
        yield None if len(part) < count or None in part else part  # type: ignore[misc]


def rolling(function: Callable[[list[float]], float], line: Sequence[Any], count: int) -> Line:
    return [None if part is None else function(part) for part in windows(line, count)]


def ago(line: Sequence[Any], count: int) -> Line:
    return [None] * min(count, len(line)) + list(line[: max(len(line) - count, 0)])


def changes(line: Sequence[Any]) -> Line:
    return each(lambda now, then: now - then, line, ago(line, 1))


def quotient(part: float, of: float, otherwise: float) -> float:
    return otherwise if of == 0 else part / of


def mean(values: Sequence[float]) -> float:
    """Return a mean that of equal values is that value."""
    return values[0] + sum(each - values[0] for each in values) / len(values)


def variance_of(values: Sequence[float], kind: str) -> float:
    middle = mean(values)
    squares = sum((value - middle) ** 2 for value in values)
    return squares / (len(values) - (kind == "sample"))


def exponential(line: Sequence[float | None], weight: float, count: int, seed: str) -> Line:
    out: Line = []
    first: list[float] = []
    now: float | None = None
    for value in line:
        if value is None:
            out.append(None)
            continue
        if now is None:
            first.append(value)
            if seed == "first":
                now = value
            elif len(first) == count:
                now = sum(first) / count
        else:
            now = now + weight * (value - now)
        out.append(now)
    return out


def ema(line: Sequence[float | None], count: int, seed: str = "first") -> Line:
    return exponential(line, 2 / (count + 1), count, seed)


def wilder(line: Sequence[float | None], count: int, seed: str = "sma") -> Line:
    return exponential(line, 1 / count, count, seed)


def sma(line: Sequence[float | None], count: int) -> Line:
    return rolling(lambda part: sum(part) / count, line, count)


def wma(line: Sequence[float | None], count: int) -> Line:
    weights = range(1, count + 1)
    return rolling(
        lambda part: sum(w * x for w, x in zip(weights, part, strict=True)) / sum(weights),
        line,
        count,
    )


def averaged(kind: str, line: Sequence[float | None], count: int, seed: str) -> Line:
    if kind == "sma":
        return sma(line, count)
    if kind == "wma":
        return wma(line, count)
    return (ema if kind == "ema" else wilder)(line, count, seed)


def highs(line: Sequence[Any], count: int) -> Line:
    return rolling(max, line, count)


def lows(line: Sequence[Any], count: int) -> Line:
    return rolling(min, line, count)


def typical(b: Bars) -> list[int]:
    """Return three times the typical price."""
    return [h + low + c for h, low, c in zip(b.h, b.l, b.c, strict=True)]


def doubled_middle(b: Bars) -> list[int]:
    return [h + low for h, low in zip(b.h, b.l, strict=True)]


def ranges(b: Bars) -> list[int]:
    return [h - low for h, low in zip(b.h, b.l, strict=True)]


def true_ranges(b: Bars) -> Line:
    first = [float(h - low) for h, low in zip(b.h[:1], b.l[:1], strict=True)]
    return first + [
        float(max(h, last) - min(low, last))
        for h, low, last in zip(b.h[1:], b.l[1:], b.c[:-1], strict=True)
    ]


def returns(line: Sequence[Any]) -> Line:
    return each(lambda now, then: quotient(now - then, then, 0.0), line, ago(line, 1))


def log(part: float, of: float) -> float:
    return 0.0 if part <= 0 or of <= 0 else math.log(part / of)


def strength(line: Sequence[float | None], count: int, kind: str, seed: str) -> Line:
    """Return the relative strength of the changes given."""
    up = averaged(kind, [None if x is None else max(x, 0) for x in line], count, seed)
    down = averaged(kind, [None if x is None else max(-x, 0) for x in line], count, seed)
    return each(lambda a, b: quotient(100 * a, a + b, 50.0), up, down)


def place(value: float, low: float, high: float, otherwise: float) -> float:
    return quotient(100 * (value - low), high - low, otherwise)


def cumulated(line: Sequence[float], start: float = 0.0) -> Line:
    out: Line = []
    total = start
    for value in line:
        total += value
        out.append(total)
    return out


def flows(b: Bars) -> list[float]:
    return [
        quotient(((c - low) - (h - c)) * v, h - low, 0.0)
        for h, low, c, v in zip(b.h, b.l, b.c, b.v, strict=True)
    ]


def sign(value: float) -> int:
    return (value > 0) - (value < 0)


# -- averages and levels -------------------------------------------------------------------------


def hma(b: Bars, window: int) -> Line:
    half, root = max(round(window / 2), 1), max(round(window**0.5), 1)
    raw = each(lambda fast, slow: 2 * fast - slow, wma(b.c, half), wma(b.c, window))
    return wma(raw, root)


def dema(b: Bars, window: int, seed: str) -> Line:
    once = ema(b.c, window, seed)
    return each(lambda x, y: 2 * x - y, once, ema(once, window, seed))


def tema(b: Bars, window: int, seed: str) -> Line:
    once = ema(b.c, window, seed)
    twice = ema(once, window, seed)
    return each(lambda x, y, z: 3 * x - 3 * y + z, once, twice, ema(twice, window, seed))


def kama(b: Bars, window: int, fast: int, slow: int, seed: str) -> Line:
    out: Line = []
    now = 0.0
    for row, close in enumerate(b.c):
        if row < window:
            if row == window - 1:
                now = close if seed == "last" else sum(b.c[:window]) / window
            out.append(None)
            continue
        path = sum(abs(b.c[at] - b.c[at - 1]) for at in range(row - window + 1, row + 1))
        efficiency = min(quotient(abs(close - b.c[row - window]), path, 0.0), 1.0)
        weight = efficiency * (2 / (fast + 1) - 2 / (slow + 1)) + 2 / (slow + 1)
        now += weight**2 * (close - now)
        out.append(now)
    return out


def zlema(b: Bars, window: int, seed: str) -> Line:
    return ema(
        each(lambda now, then: 2 * now - then, b.c, ago(b.c, (window - 1) // 2)), window, seed
    )


def t3(b: Bars, window: int, factor: float, seed: str) -> Line:
    chain: list[Line] = [list(b.c)]
    for _ in range(6):
        chain.append(ema(chain[-1], window, seed))
    # (x + v·x − v·x·e)³·e³ with e for one more average, multiplied out.
    powers = {3: (1 + factor) ** 3, 4: -3 * (1 + factor) ** 2 * factor}
    powers |= {5: 3 * (1 + factor) * factor**2, 6: -(factor**3)}
    return each(lambda *row: sum(weight * row[at - 3] for at, weight in powers.items()), *chain[3:])


def alma(b: Bars, window: int, offset: float, sigma: float) -> Line:
    weights = [
        math.exp(-((at - offset * (window - 1)) ** 2) / (2 * (window / sigma) ** 2))
        for at in range(window)
    ]
    return rolling(
        lambda part: sum(w * x for w, x in zip(weights, part, strict=True)) / sum(weights),
        b.c,
        window,
    )


def frama(b: Bars, window: int, longest: int, source: str) -> Line:
    prices = b.c if source == "close" else [x / 2 for x in doubled_middle(b)]
    half = window // 2
    out: Line = []
    for row, price in enumerate(prices):
        if row < window - 1:
            out.append(None)
            now = price
            continue
        part = prices[row - window + 1 : row + 1]
        if row == window - 1:
            now = prices[row - 1] if row else 0.0
        new, old = part[window - half :], part[window - 2 * half : window - half]
        n1, n2 = (max(new) - min(new)) / half, (max(old) - min(old)) / half
        n3 = (max(part) - min(part)) / window
        dimension = 0.0
        if min(n1, n2, n3) > 0:
            dimension = (math.log(n1 + n2) - math.log(n3)) / math.log(2)
        weight = math.exp(math.log(2 / (longest + 1)) * (dimension - 1))
        weight = min(max(weight, 0.01), 1.0)
        now = weight * price + (1 - weight) * now
        out.append(now)
    return out


def weighted_by_volume(prices: Sequence[int], lots: Sequence[int], window: int) -> Line:
    money = [p * v for p, v in zip(prices, lots, strict=True)]
    return each(
        lambda m, v, p: quotient(m, v, p / window),
        rolling(sum, money, window),
        rolling(sum, lots, window),
        rolling(sum, prices, window),
    )


def vwap(b: Bars, window: int, source: str) -> Line:
    if source == "typical":
        return each(lambda x: x / 3, weighted_by_volume(typical(b), b.v, window))
    prices = [x + o for x, o in zip(typical(b), b.o, strict=True)]
    return each(lambda x: x / 4, weighted_by_volume(prices, b.v, window))


def mcginley(b: Bars, window: int) -> Line:
    out: Line = []
    now = 0.0
    for row, close in enumerate(b.c):
        if row == 0:
            now = float(close)
        else:
            now += (close - now) / max(window * quotient(close, now, 1.0) ** 4, 1.0)
        out.append(now)
    return out


def vidya(b: Bars, window: int, momentum: int) -> Line:
    moves = changes(b.c)
    up = rolling(sum, [None if x is None else max(x, 0) for x in moves], momentum)
    down = rolling(sum, [None if x is None else max(-x, 0) for x in moves], momentum)
    out: Line = []
    now = 0.0
    for close, rise, fall in zip(b.c, up, down, strict=True):
        if rise is None or fall is None:
            now = float(close)
            out.append(None)
            continue
        now += 2 / (window + 1) * abs(quotient(rise - fall, rise + fall, 0.0)) * (close - now)
        out.append(now)
    return out


def middles(top: Line, bottom: Line) -> Line:
    return each(lambda x, y: (x + y) / 2, top, bottom)


# -- oscillators ---------------------------------------------------------------------------------


def macd(b: Bars, fast: int, slow: int, signal: int, average: str, seed: str) -> dict[str, Line]:
    line = apo(b, fast, slow, average, seed)
    smooth = averaged(average, line, signal, seed)
    return {"value": line, "signal": smooth, "histogram": each(lambda x, y: x - y, line, smooth)}


def apo(b: Bars, fast: int, slow: int, average: str, seed: str) -> Line:
    quick, calm = averaged(average, b.c, fast, seed), averaged(average, b.c, slow, seed)
    return each(lambda x, y: x - y, quick, calm)


def percent_apart(line: Sequence[int], fast: int, slow: int, average: str, seed: str) -> Line:
    quick, calm = averaged(average, line, fast, seed), averaged(average, line, slow, seed)
    return each(lambda x, y: quotient(100 * (x - y), y, 0.0), quick, calm)


def stochastic(
    b: Bars, window: int, smoothing: int, signal: int, average: str, seed: str
) -> dict[str, Line]:
    raw = each(lambda c, low, h: place(c, low, h, 50.0), b.c, lows(b.l, window), highs(b.h, window))
    k = averaged(average, raw, smoothing, seed)
    return {"value": k, "signal": averaged(average, k, signal, seed)}


def stochastic_rsi(
    b: Bars, window: int, reach: int, smoothing: int, signal: int, average: str, seed: str
) -> dict[str, Line]:
    index = strength(changes(b.c), window, average, seed)
    raw = each(
        lambda x, low, h: place(x, low, h, 100.0), index, lows(index, reach), highs(index, reach)
    )
    k = sma(raw, smoothing)
    return {"value": k, "signal": sma(k, signal)}


def cci(b: Bars, window: int, constant: float) -> Line:
    def one(part: list[float]) -> float:
        middle = sum(part) / window
        away = sum(abs(x - middle) for x in part) / window
        return quotient(part[-1] - middle, constant * away, 0.0)

    return rolling(one, typical(b), window)


def roc(line: Sequence[Any], window: int) -> Line:
    return each(lambda x, y: quotient(100 * (x - y), y, 0.0), line, ago(line, window))


def williams_r(b: Bars, window: int) -> Line:
    return each(
        lambda c, low, h: quotient(-100 * (h - c), h - low, -50.0),
        b.c,
        lows(b.l, window),
        highs(b.h, window),
    )


def ultimate(b: Bars, short: int, middle: int, long: int) -> Line:
    pressure = each(lambda c, low, last: c - min(low, last), b.c, b.l, ago(b.c, 1))
    wide: Line = [None, *true_ranges(b)[1:]][: len(b.c)]

    def share(window: int) -> Line:
        return each(
            lambda x, y: quotient(x, y, 0.5),
            rolling(sum, pressure, window),
            rolling(sum, wide, window),
        )

    return each(
        lambda x, y, z: 100 * (4 * x + 2 * y + z) / 7, share(short), share(middle), share(long)
    )


def awesome(b: Bars, fast: int, slow: int) -> Line:
    middle = doubled_middle(b)
    return each(lambda x, y: (x - y) / 2, sma(middle, fast), sma(middle, slow))


def trix(b: Bars, window: int, seed: str) -> Line:
    thrice = ema(ema(ema(b.c, window, seed), window, seed), window, seed)
    return roc(thrice, 1)


def dpo(b: Bars, window: int) -> Line:
    return each(lambda x, y: x - y, ago(b.c, window // 2 + 1), sma(b.c, window))


def tsi(b: Bars, slow: int, fast: int, signal: int, seed: str) -> dict[str, Line]:
    moves = changes(b.c)
    sizes = each(abs, moves)
    line = each(
        lambda x, y: quotient(100 * x, y, 0.0),
        ema(ema(moves, slow, seed), fast, seed),
        ema(ema(sizes, slow, seed), fast, seed),
    )
    return {"value": line, "signal": ema(line, signal, seed)}


def coppock(b: Bars, long: int, short: int, window: int) -> Line:
    return wma(each(lambda x, y: x + y, roc(b.c, long), roc(b.c, short)), window)


def connors_rsi(b: Bars, window: int, streak: int, reach: int, unchanged: str) -> Line:
    streaks = [0]
    for move in changes(b.c)[1:]:
        assert move is not None
        last = streaks[-1]
        if move == 0:
            streaks.append(0 if unchanged == "zero" else last)
        else:
            streaks.append(last + sign(move) if last * move > 0 else sign(move))
    shares = [0.0, *returns(b.c)[1:]]
    ranks: Line = [
        None
        if row < reach
        else 100 * sum(x < shares[row] for x in shares[row - reach : row]) / reach  # type: ignore[operator]
        for row in range(len(b.c))
    ]
    return each(
        lambda x, y, z: (x + y + z) / 3,
        strength(changes(b.c), window, "wilder", "sma"),
        strength(changes(streaks[: len(b.c)]), streak, "wilder", "sma"),
        ranks,
    )


def fisher(b: Bars, window: int) -> dict[str, Line]:
    middle = doubled_middle(b)
    out: dict[str, Line] = {"value": [], "last": []}
    value = turned = 0.0
    for x, low, high in zip(middle, lows(middle, window), highs(middle, window), strict=True):
        if low is None or high is None:
            out["value"].append(None)
            out["last"].append(None)
            continue
        value = 0.66 * (quotient(x - low, high - low, 0.5) - 0.5) + 0.67 * value
        value = min(max(value, -0.999), 0.999)
        out["last"].append(turned)
        turned = 0.5 * math.log((1 + value) / (1 - value)) + 0.5 * turned
        out["value"].append(turned)
    return out


def elder_ray(b: Bars, window: int, seed: str) -> dict[str, Line]:
    middle = ema(b.c, window, seed)
    apart = {"bull": b.h, "bear": b.l}
    return {name: each(lambda x, y: x - y, line, middle) for name, line in apart.items()}


def balance_of_power(b: Bars, window: int) -> Line:
    return sma(each(lambda o, h, low, c: quotient(c - o, h - low, 0.0), b.o, b.h, b.l, b.c), window)


def know_sure_thing(
    b: Bars, first: int, smoothing: int, longest: int, signal: int
) -> dict[str, Line]:
    reaches = (first, first * 3 // 2, first * 2, first * 3)
    counts = (smoothing, smoothing, smoothing, longest)
    parts = [sma(roc(b.c, reach), count) for reach, count in zip(reaches, counts, strict=True)]
    line = each(lambda *row: sum((at + 1) * x for at, x in enumerate(row)), *parts)
    return {"value": line, "signal": sma(line, signal)}


def symmetric(line: Sequence[Any]) -> Line:
    return rolling(lambda part: part[0] + 2 * part[1] + 2 * part[2] + part[3], line, 4)


def relative_vigor(b: Bars, window: int) -> dict[str, Line]:
    above = rolling(sum, symmetric([c - o for c, o in zip(b.c, b.o, strict=True)]), window)
    below = rolling(sum, symmetric(ranges(b)), window)
    line = each(lambda x, y: quotient(x, y, 0.0), above, below)
    return {"value": line, "signal": each(lambda x: x / 6, symmetric(line))}


# -- volatility ----------------------------------------------------------------------------------


def atr(b: Bars, window: int, average: str, seed: str, first_range: str) -> Line:
    wide = true_ranges(b)
    if first_range == "skipped":
        wide = [None, *wide[1:]][: len(wide)]
    return averaged(average, wide, window, seed)


def natr(b: Bars, window: int, average: str, seed: str, first_range: str) -> Line:
    mean_range = atr(b, window, average, seed, first_range)
    return each(lambda x, c: quotient(100 * x, c, 0.0), mean_range, b.c)


def bollinger(
    b: Bars, window: int, deviations: float, deviation: str, average: str, seed: str
) -> dict[str, Line]:
    middle = averaged(average, b.c, window, seed)
    away = rolling(lambda part: deviations * math.sqrt(variance_of(part, deviation)), b.c, window)
    return {
        "middle": middle,
        "upper": each(lambda m, a: m + a, middle, away),
        "lower": each(lambda m, a: m - a, middle, away),
        "width": each(lambda m, a: quotient(200 * a, m, 0.0), middle, away),
        "place": each(lambda c, m, a: quotient(c - (m - a), 2 * a, 0.5), b.c, middle, away),
    }


def keltner(
    b: Bars,
    window: int,
    ranges: float,
    range_window: int,
    average: str,
    range_average: str,
    seed: str,
    source: str,
) -> dict[str, Line]:
    prices = b.c if source == "close" else [x / 3 for x in typical(b)]
    middle = averaged(average, prices, window, seed)
    away = averaged(range_average, true_ranges(b), range_window, seed)
    return {
        "middle": middle,
        "upper": each(lambda m, a: m + ranges * a, middle, away),
        "lower": each(lambda m, a: m - ranges * a, middle, away),
    }


def donchian(b: Bars, window: int) -> dict[str, Line]:
    top, bottom = highs(b.h, window), lows(b.l, window)
    return {"middle": middles(top, bottom), "upper": top, "lower": bottom}


def mean_deviation(b: Bars, window: int) -> Line:
    return rolling(
        lambda part: sum(abs(x - sum(part) / window) for x in part) / window, b.c, window
    )


def choppiness(b: Bars, window: int) -> Line:
    return each(
        lambda total, top, bottom: (
            100.0
            if top == bottom
            else 100 * math.log10(total / (top - bottom)) / math.log10(window)
        ),
        rolling(sum, true_ranges(b), window),
        highs(b.h, window),
        lows(b.l, window),
    )


def mass_index(b: Bars, smoothing: int, window: int, seed: str) -> Line:
    once = ema(ranges(b), smoothing, seed)
    twice = ema(once, smoothing, seed)
    return rolling(sum, each(lambda x, y: quotient(x, y, 1.0), once, twice), window)


def root_mean(line: Line, window: int) -> Line:
    return rolling(lambda part: math.sqrt(max(sum(part) / window, 0.0)), line, window)


def rogers_satchell(b: Bars, window: int) -> Line:
    bars = each(
        lambda o, h, low, c: log(h, c) * log(h, o) + log(low, c) * log(low, o), b.o, b.h, b.l, b.c
    )
    return root_mean(bars, window)


def parkinson(b: Bars, window: int) -> Line:
    return root_mean(each(lambda h, low: log(h, low) ** 2 / (4 * math.log(2)), b.h, b.l), window)


def garman_klass(b: Bars, window: int) -> Line:
    factor = 2 * math.log(2) - 1
    bars = each(
        lambda o, h, low, c: 0.5 * log(h, low) ** 2 - factor * log(c, o) ** 2, b.o, b.h, b.l, b.c
    )
    return root_mean(bars, window)


def ulcer(b: Bars, window: int) -> Line:
    fallen = each(lambda c, top: quotient(100 * (c - top), top, 0.0) ** 2, b.c, highs(b.c, window))
    return root_mean(fallen, window)


def relative_volatility(
    b: Bars, reach: int, window: int, average: str, seed: str, deviation: str
) -> Line:
    away = rolling(lambda part: math.sqrt(variance_of(part, deviation)), b.c, reach)
    moves = changes(b.c)
    up = averaged(average, each(lambda a, m: a if m > 0 else 0.0, away, moves), window, seed)
    down = averaged(average, each(lambda a, m: a if m < 0 else 0.0, away, moves), window, seed)
    return each(lambda x, y: quotient(100 * x, x + y, 50.0), up, down)


def envelope(b: Bars, window: int, percent: float, average: str, seed: str) -> dict[str, Line]:
    middle = averaged(average, b.c, window, seed)
    return {
        "middle": middle,
        "upper": each(lambda m: m * (1 + percent / 100), middle),
        "lower": each(lambda m: m * (1 - percent / 100), middle),
    }


def acceleration_bands(b: Bars, window: int, factor: float) -> dict[str, Line]:
    share = [factor * quotient(h - low, h + low, 0.0) for h, low in zip(b.h, b.l, strict=True)]
    return {
        "middle": sma(b.c, window),
        "upper": sma(each(lambda h, s: h * (1 + s), b.h, share), window),
        "lower": sma(each(lambda low, s: low * (1 - s), b.l, share), window),
    }


# -- trends --------------------------------------------------------------------------------------


def wilder_sum(line: Line, window: int, start: str) -> Line:
    """Return S − S/n + value from the sum of the first n, or of n − 1 and then on."""
    out: Line = [None] * len(line)
    values = [(row, x) for row, x in enumerate(line) if x is not None]
    count = window if start == "full" else window - 1
    if len(values) < window:
        return out
    now = sum(x for _, x in values[:count])
    if start == "full":
        out[values[count - 1][0]] = now
    for row, x in values[count:]:
        now = now - now / window + x
        out[row] = now
    return out


def adx(b: Bars, window: int, start: str) -> dict[str, Line]:
    up, down = changes(b.h), each(lambda x: -x, changes(b.l))
    rise = each(lambda u, d: u if u > d and u > 0 else 0.0, up, down)
    fall = each(lambda u, d: d if d > u and d > 0 else 0.0, up, down)
    wide: Line = [None, *true_ranges(b)[1:]][: len(b.c)]
    total = wilder_sum(wide, window, start)
    plus, minus = (
        each(lambda x, y: quotient(100 * x, y, 0.0), wilder_sum(line, window, start), total)
        for line in (rise, fall)
    )
    index = each(lambda p, m: quotient(100 * abs(p - m), p + m, 0.0), plus, minus)
    return {"value": wilder(index, window), "plus": plus, "minus": minus}


def adxr(b: Bars, window: int, start: str) -> dict[str, Line]:
    lines = adx(b, window, start)
    lines["value"] = middles(lines["value"], ago(lines["value"], window - 1))
    return lines


def aroon(b: Bars, window: int) -> dict[str, Line]:
    def age(part: list[float]) -> int:
        return part[::-1].index(max(part))

    up = rolling(lambda part: 100 * (window - age(part)) / window, b.h, window + 1)
    down = rolling(lambda part: 100 * (window - age([-x for x in part])) / window, b.l, window + 1)
    return {"value": each(lambda x, y: x - y, up, down), "up": up, "down": down}


def vortex(b: Bars, window: int) -> dict[str, Line]:
    wide = rolling(sum, [None, *true_ranges(b)[1:]][: len(b.c)], window)
    up = rolling(sum, each(lambda h, low: abs(h - low), b.h, ago(b.l, 1)), window)
    down = rolling(sum, each(lambda low, h: abs(low - h), b.l, ago(b.h, 1)), window)
    return {
        "plus": each(lambda x, y: quotient(x, y, 0.0), up, wide),
        "minus": each(lambda x, y: quotient(x, y, 0.0), down, wide),
    }


def parabolic_sar(b: Bars, start: float, growth: float, largest: float) -> dict[str, Line]:
    out: dict[str, Line] = {"value": [None], "side": [None]}
    if len(b.c) < 2:
        return {name: line[: len(b.c)] for name, line in out.items()}
    falls = b.l[0] - b.l[1]
    long = not (falls > 0 and falls > b.h[1] - b.h[0])
    stop = float(b.l[0] if long else b.h[0])
    best, pace = float(b.h[1] if long else b.l[1]), start
    for row in range(1, len(b.c)):
        before = row - 1 if row > 1 else row
        floor, ceiling = min(b.l[before], b.l[row]), max(b.h[before], b.h[row])
        if (b.l[row] <= stop) if long else (b.h[row] >= stop):
            long = not long
            stop = min(best, floor) if long else max(best, ceiling)
            best, pace = float(b.h[row] if long else b.l[row]), start
        elif (b.h[row] > best) if long else (b.l[row] < best):
            best, pace = float(b.h[row] if long else b.l[row]), min(pace + growth, largest)
        out["value"].append(stop)
        out["side"].append(1.0 if long else -1.0)
        stop = stop + pace * (best - stop)
        stop = min(stop, floor) if long else max(stop, ceiling)
    return out


def supertrend(b: Bars, window: int, ranges: float, average: str, seed: str) -> dict[str, Line]:
    wide = averaged(average, true_ranges(b), window, seed)
    out: dict[str, Line] = {"value": [], "side": []}
    upper = lower = 0.0
    side = 0
    for row, mean_range in enumerate(wide):
        if mean_range is None:
            out["value"].append(None)
            out["side"].append(None)
            continue
        middle, close = (b.h[row] + b.l[row]) / 2, b.c[row]
        new_upper, new_lower = middle + ranges * mean_range, middle - ranges * mean_range
        if side:
            last = b.c[row - 1]
            upper = new_upper if new_upper < upper or last > upper else upper
            lower = new_lower if new_lower > lower or last < lower else lower
            if side > 0 and close < lower:
                side = -1
            elif side < 0 and close > upper:
                side = 1
        else:
            upper, lower = new_upper, new_lower
            side = 1 if close > middle else -1
        out["value"].append(lower if side > 0 else upper)
        out["side"].append(float(side))
    return out


def ichimoku(b: Bars, conversion: int, base: int, span: int, ahead: int) -> dict[str, Line]:
    short, middle, long = (
        middles(highs(b.h, count), lows(b.l, count)) for count in (conversion, base, span)
    )
    return {
        "conversion": short,
        "base": middle,
        "first_span": ago(middles(short, middle), ahead),
        "second_span": ago(long, ahead),
    }


def heikin_ashi(b: Bars) -> dict[str, Line]:
    out: dict[str, Line] = {"close": [], "open": [], "high": [], "low": []}
    start = close = 0.0
    for row in range(len(b.c)):
        start = (start + close) / 2 if row else (b.o[0] + b.c[0]) / 2
        close = (b.o[row] + b.h[row] + b.l[row] + b.c[row]) / 4
        out["close"].append(close)
        out["open"].append(start)
        out["high"].append(max(b.h[row], start, close))
        out["low"].append(min(b.l[row], start, close))
    return out


def zigzag(b: Bars, percent: float, shortest: int) -> dict[str, Line]:
    side, price, at = -1, float(b.l[0]) if b.l else 0.0, 0
    out: dict[str, Line] = {"value": [], "side": []}
    turn = percent / 100
    for row in range(len(b.c)):
        # The very first bar is not counted, each later extreme is.
        old_enough = (row - at if at else row - 1) >= shortest
        if row and side < 0:
            if b.h[row] >= price * (1 + turn) and old_enough:
                side, price, at = 1, float(b.h[row]), row
            elif b.l[row] <= price:
                price, at = float(b.l[row]), row
        elif row:
            if b.l[row] <= price * (1 - turn) and old_enough:
                side, price, at = -1, float(b.l[row]), row
            elif b.h[row] >= price:
                price, at = float(b.h[row]), row
        out["value"].append(price)
        out["side"].append(float(side))
    return out


def fractal(b: Bars, reach: int) -> dict[str, Line]:
    out: dict[str, Line] = {"top": [], "bottom": [], "turn": []}
    top = bottom = 0.0
    for row in range(len(b.c)):
        middle = row - reach
        if row < 2 * reach:
            for line in out.values():
                line.append(None)
            continue
        around = [at for at in range(row - 2 * reach, row + 1) if at != middle]
        is_top = all(b.h[at] < b.h[middle] for at in around)
        is_bottom = all(b.l[at] > b.l[middle] for at in around)
        top = float(b.h[middle]) if is_top else top
        bottom = float(b.l[middle]) if is_bottom else bottom
        out["top"].append(top)
        out["bottom"].append(bottom)
        out["turn"].append(float(is_top - is_bottom))
    return out


def pivot(b: Bars, window: int) -> dict[str, Line]:
    top, bottom = highs(b.h, window), lows(b.l, window)
    middle = each(lambda h, low, c: (h + low + c) / 3, top, bottom, b.c)
    return {
        "value": middle,
        "first_resistance": each(lambda p, low: 2 * p - low, middle, bottom),
        "second_resistance": each(lambda p, h, low: p + h - low, middle, top, bottom),
        "first_support": each(lambda p, h: 2 * p - h, middle, top),
        "second_support": each(lambda p, h, low: p - h + low, middle, top, bottom),
    }


def chandelier(b: Bars, window: int, ranges: float, average: str, seed: str) -> dict[str, Line]:
    wide = averaged(average, true_ranges(b), window, seed)
    return {
        "long": each(lambda h, a: h - ranges * a, highs(b.h, window), wide),
        "short": each(lambda low, a: low + ranges * a, lows(b.l, window), wide),
    }


# -- volume --------------------------------------------------------------------------------------


def obv(b: Bars, start: str) -> Line:
    signed = [sign(move or 0) * v for move, v in zip(changes(b.c), b.v, strict=True)]
    return cumulated(signed, float(b.v[0]) if start == "volume" and b.v else 0.0)


def accumulation_oscillator(b: Bars, fast: int, slow: int, seed: str) -> Line:
    line = cumulated(flows(b))
    return each(lambda x, y: x - y, ema(line, fast, seed), ema(line, slow, seed))


def money_flow(b: Bars, window: int) -> Line:
    prices = typical(b)
    signed = each(lambda move, p, v: sign(move) * p * v, changes(prices), prices, b.v)
    gained = rolling(lambda part: sum(x for x in part if x > 0), signed, window)
    lost = rolling(lambda part: -sum(x for x in part if x < 0), signed, window)
    return each(lambda x, y: quotient(100 * x, x + y, 50.0), gained, lost)


def chaikin_flow(b: Bars, window: int) -> Line:
    return each(
        lambda x, y: quotient(x, y, 0.0), rolling(sum, flows(b), window), rolling(sum, b.v, window)
    )


def force_index(b: Bars, window: int, average: str, seed: str) -> Line:
    return averaged(average, each(lambda m, v: m * v, changes(b.c), b.v), window, seed)


def ease_of_movement(b: Bars, window: int, scale: float) -> Line:
    moves = each(lambda x: x / 2, changes(doubled_middle(b)))
    ease = each(lambda m, r, v: quotient(m * r * scale, v, 0.0), moves, ranges(b), b.v)
    return sma(ease, window)


def relative_volume(b: Bars, window: int) -> Line:
    before = ago(rolling(sum, b.v, window), 1)
    return each(lambda v, total: quotient(v * window, total, 1.0), b.v, before)


def volume_index(b: Bars) -> dict[str, Line]:
    out: dict[str, Line] = {"negative": [], "positive": []}
    negative = positive = 1000.0
    for row, share in enumerate(returns(b.c)):
        if share is not None and b.v[row] < b.v[row - 1]:
            negative *= 1 + share
        elif share is not None and b.v[row] > b.v[row - 1]:
            positive *= 1 + share
        out["negative"].append(negative)
        out["positive"].append(positive)
    return out


def klinger(b: Bars, fast: int, slow: int, signal: int, seed: str) -> dict[str, Line]:
    signed = each(lambda m, v: sign(m) * v, changes(typical(b)), b.v)
    line = each(lambda x, y: x - y, ema(signed, fast, seed), ema(signed, slow, seed))
    return {"value": line, "signal": ema(line, signal, seed)}


# -- statistics ----------------------------------------------------------------------------------


def fitted(part: Sequence[float]) -> tuple[float, float]:
    """Return intercept and slope of the least squares line, from the normal equations."""
    n = len(part)
    sum_x, sum_xx = n * (n - 1) / 2, (n - 1) * n * (2 * n - 1) / 6
    sum_xy = sum(x * y for x, y in enumerate(part))
    slope = (n * sum_xy - sum_x * sum(part)) / (n * sum_xx - sum_x**2)
    return (sum(part) - slope * sum_x) / n, slope


def linear_regression(b: Bars, window: int) -> dict[str, Line]:
    def explained(part: list[float]) -> float:
        start, slope = fitted(part)
        total = sum((y - mean(part)) ** 2 for y in part)
        left = sum((y - start - slope * x) ** 2 for x, y in enumerate(part))
        return 0.0 if total == 0 else 1 - left / total

    return {
        "value": rolling(lambda p: fitted(p)[0] + fitted(p)[1] * (window - 1), b.c, window),
        "slope": rolling(lambda p: fitted(p)[1], b.c, window),
        "intercept": rolling(lambda p: fitted(p)[0], b.c, window),
        "explained": rolling(explained, b.c, window),
    }


def zscore(line: Sequence[Any], window: int, deviation: str) -> Line:
    return rolling(
        lambda p: quotient(p[-1] - mean(p), math.sqrt(variance_of(p, deviation)), 0.0),
        line,
        window,
    )


def percent_rank(b: Bars, window: int) -> Line:
    return rolling(lambda p: 100 * sum(x <= p[-1] for x in p[:-1]) / window, b.c, window + 1)


def sharpe(b: Bars, window: int, risk_free_rate: float, deviation: str) -> Line:
    return rolling(
        lambda p: quotient(mean(p) - risk_free_rate, math.sqrt(variance_of(p, deviation)), 0.0),
        returns(b.c),
        window,
    )


def sortino(b: Bars, window: int, risk_free_rate: float) -> Line:
    def one(part: list[float]) -> float:
        below = sum(min(x - risk_free_rate, 0.0) ** 2 for x in part) / window
        return quotient(mean(part) - risk_free_rate, math.sqrt(below), 0.0)

    return rolling(one, returns(b.c), window)


def value_at_risk(b: Bars, window: int, confidence: float) -> Line:
    return rolling(
        lambda p: (
            mean(p) + NormalDist().inv_cdf(1 - confidence) * math.sqrt(variance_of(p, "sample"))
        ),
        returns(b.c),
        window,
    )


def paired(
    function: Callable[[list[float], list[float]], float], x: Line, y: Line, window: int
) -> Line:
    return [
        None if one is None or two is None else function(one, two)
        for one, two in zip(windows(x, window), windows(y, window), strict=True)
    ]


def covariance(x: Sequence[float], y: Sequence[float]) -> float:
    return sum((a - mean(x)) * (b - mean(y)) for a, b in zip(x, y, strict=True))


def correlation(b: Bars, window: int, source: str) -> Line:
    x: Line = list(b.c) if source == "close" else returns(b.c)
    y: Line = list(b.other) if source == "close" else returns(b.other)
    return paired(
        lambda p, q: quotient(
            covariance(p, q), math.sqrt(covariance(p, p)) * math.sqrt(covariance(q, q)), 0.0
        ),
        x,
        y,
        window,
    )


def beta(b: Bars, window: int) -> Line:
    return paired(
        lambda p, q: quotient(covariance(p, q), covariance(q, q), 0.0),
        returns(b.c),
        returns(b.other),
        window,
    )


TWINS: dict[str, Callable[..., Line | dict[str, Line]]] = {
    "sma": lambda b, window: sma(b.c, window),
    "relative_average": lambda b, window: each(
        lambda x, y, z: x - y + z, sma(b.c, window), sma(b.c, 2 * window), sma(b.c, 3 * window)
    ),
    "ema": lambda b, window, seed: ema(b.c, window, seed),
    "wilder": lambda b, window, seed: wilder(b.c, window, seed),
    "wma": lambda b, window: wma(b.c, window),
    "hma": hma,
    "dema": dema,
    "tema": tema,
    "trima": lambda b, window: sma(sma(b.c, window // 2 + 1), (window + 1) // 2),
    "kama": kama,
    "zlema": zlema,
    "t3": t3,
    "alma": alma,
    "frama": frama,
    "vwma": lambda b, window: weighted_by_volume(b.c, b.v, window),
    "vwap": vwap,
    "mcginley": mcginley,
    "vidya": vidya,
    "midpoint": lambda b, window: middles(highs(b.c, window), lows(b.c, window)),
    "midprice": lambda b, window: middles(highs(b.h, window), lows(b.l, window)),
    "highest": lambda b, window, source: highs(b.h if source == "high" else b.c, window),
    "lowest": lambda b, window, source: lows(b.l if source == "low" else b.c, window),
    "median": lambda b, window: rolling(median, b.c, window),
    "macd": macd,
    "apo": apo,
    "ppo": lambda b, **given: percent_apart(b.c, **given),
    "rsi": lambda b, window, average, seed: strength(changes(b.c), window, average, seed),
    "stochastic": stochastic,
    "stochastic_rsi": stochastic_rsi,
    "cci": cci,
    "roc": lambda b, window: roc(b.c, window),
    "momentum": lambda b, window: each(lambda x, y: x - y, b.c, ago(b.c, window)),
    "williams_r": williams_r,
    "ultimate": ultimate,
    "awesome": awesome,
    "cmo": lambda b, window, average, seed: each(
        lambda x: 2 * x - 100, strength(changes(b.c), window, average, seed)
    ),
    "trix": trix,
    "dpo": dpo,
    "tsi": tsi,
    "coppock": coppock,
    "connors_rsi": connors_rsi,
    "fisher": fisher,
    "elder_ray": elder_ray,
    "balance_of_power": balance_of_power,
    "know_sure_thing": know_sure_thing,
    "relative_vigor": relative_vigor,
    "true_range": true_ranges,
    "atr": atr,
    "natr": natr,
    "bollinger": bollinger,
    "keltner": keltner,
    "donchian": donchian,
    "deviation": lambda b, window, deviation: rolling(
        lambda part: math.sqrt(variance_of(part, deviation)), b.c, window
    ),
    "variance": lambda b, window, deviation: rolling(
        lambda part: variance_of(part, deviation), b.c, window
    ),
    "mean_deviation": mean_deviation,
    "choppiness": choppiness,
    "mass_index": mass_index,
    "rogers_satchell": rogers_satchell,
    "parkinson": parkinson,
    "garman_klass": garman_klass,
    "average_range": lambda b, window: sma(ranges(b), window),
    "ulcer": ulcer,
    "relative_volatility": relative_volatility,
    "envelope": envelope,
    "acceleration_bands": acceleration_bands,
    "adx": adx,
    "adxr": adxr,
    "aroon": aroon,
    "vortex": vortex,
    "parabolic_sar": parabolic_sar,
    "supertrend": supertrend,
    "ichimoku": ichimoku,
    "heikin_ashi": heikin_ashi,
    "zigzag": zigzag,
    "fractal": fractal,
    "pivot": pivot,
    "chandelier": chandelier,
    "obv": obv,
    "accumulation": lambda b: cumulated(flows(b)),
    "accumulation_oscillator": accumulation_oscillator,
    "money_flow": money_flow,
    "chaikin_flow": chaikin_flow,
    "force_index": force_index,
    "ease_of_movement": ease_of_movement,
    "relative_volume": relative_volume,
    "price_volume_trend": lambda b: cumulated(
        [(share or 0.0) * v for share, v in zip(returns(b.c), b.v, strict=True)]
    ),
    "volume_index": volume_index,
    "volume_oscillator": lambda b, **given: percent_apart(b.v, **given),
    "klinger": klinger,
    "linear_regression": linear_regression,
    "forecast": lambda b, window: rolling(
        lambda p: fitted(p)[0] + fitted(p)[1] * window, b.c, window
    ),
    "log_return": lambda b, window: each(log, b.c, ago(b.c, window)),
    "zscore": lambda b, window, deviation: zscore(b.c, window, deviation),
    "percent_rank": percent_rank,
    "sharpe": sharpe,
    "sortino": sortino,
    "value_at_risk": value_at_risk,
    "drawdown": lambda b, window: each(
        lambda c, top: quotient(100 * (c - top), top, 0.0), b.c, highs(b.c, window)
    ),
    "correlation": correlation,
    "beta": beta,
    "spread": lambda b, window, deviation: zscore(each(log, b.c, b.other), window, deviation),
}
"""Every indicator by name: of bars and all its arguments, its line or its lines by name."""

STEPS_OF_OTHER_NAMES = ("rolling_median",)
"""Compiled steps that are not called as their indicators are: `median` is `rolling_median`."""
