"""A strategy's compiled function as a run calls it: an address, over rows, cached on disk.

The function is compiled into a loop over rows by a small module that is written for it, because
the compiler keeps on disk only what comes from a file. The file's name is a hash of the strategy's
file, of every other file beside it, and of all sources here: an edit anywhere is a new file.
"""

from __future__ import annotations

import ctypes
import importlib.util
import inspect
import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numba
import numpy as np

from tieout.errors import SettingsError
from tieout.market import _stepping as at
from tieout.market._compile import COMPILES, sources_digest
from tieout.market._models_compiled import INTERPRETED
from tieout.market._running_layout import (
    CANCEL_WISH,
    LIMIT_WISH,
    MARKET_WISH,
    POST_WISH,
    STEP_FAILURE,
    TARGET_WISH,
    WISH_COUNT,
    WISH_EXCESS,
    WISH_ROWS,
    WISH_WIDTH,
    WISHES_LENGTH,
    WISHES_MAX,
)
from tieout.market._stepping import (
    Account,
    BarRow,
    BookRow,
    Memory,
    TradeRow,
    buy,
    buy_limit,
    buy_post_only,
    buy_stop,
    cancel,
    sell,
    sell_limit,
    sell_post_only,
    sell_stop,
    target,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from tieout.model.columns import BarColumns, TradeColumns

__all__ = [
    "CANCEL_WISH",
    "LIMIT_WISH",
    "MARKET_WISH",
    "POST_WISH",
    "STEPS",
    "TARGET_WISH",
    "WISHES_MAX",
    "Account",
    "BarRow",
    "BookRow",
    "Memory",
    "StepEntry",
    "TradeRow",
    "address_of",
    "buy",
    "buy_limit",
    "buy_post_only",
    "buy_stop",
    "cancel",
    "sell",
    "sell_limit",
    "sell_post_only",
    "sell_stop",
    "target",
]

_SIGNATURE: Final = "int64(int64, int64, int64, int64, int64, int64)"
STEPS: Final = {
    "step_bar": ("BarRow", (*at.BAR_COLUMNS, "warm_up")),
    "step_trade": ("TradeRow", at.TRADE_COLUMNS),
    "step_book": ("BookRow", at.BOOK_COLUMNS),
    "step_timer": ("BookRow", at.BOOK_COLUMNS),
}
"""What each function is asked on: the row's type and its columns, in their order."""
_SMALL: Final = {"aggressor": "int(aggressor[row])", "warm_up": "warm_up[row] != 0"}
"""Columns of one byte a row, and how a row's value is read."""

_TEMPLATE: Final = '''"""The loop of {question} over rows; written by tieout, made anew."""

from collections import namedtuple

import numba

from tieout.market import _stepping as at
from tieout.market._stepping import Account, {row_type}, Memory, real_at, small_at, whole_at

ACCOUNT, MEMORY, ROW = Account, Memory, {row_type}
Given = namedtuple("Given", {names!r})
AT_ROW, TICK, COLUMNS, WIDTH = at.AT_ROW, at.TICK, at.COLUMNS, at.BLOCK_WIDTH
WHOLE, WHOLE_LENGTH, REAL, REAL_LENGTH = at.WHOLE, at.WHOLE_LENGTH, at.REAL, at.REAL_LENGTH
WISHES, WISHES_LENGTH = at.WISHES, {wishes_length}
WHOLE_GIVEN, WHOLE_GIVEN_LENGTH = at.WHOLE_GIVEN, at.WHOLE_GIVEN_LENGTH
REAL_GIVEN, REAL_GIVEN_LENGTH = at.REAL_GIVEN, at.REAL_GIVEN_LENGTH


def over_rows(block, start, stop, position, coming, orders):
    cells = whole_at(block, WIDTH)
    tick = real_at(cells[TICK], 1)[0]
    wishes = whole_at(cells[WISHES], WISHES_LENGTH)
    whole_given = whole_at(cells[WHOLE_GIVEN], cells[WHOLE_GIVEN_LENGTH])
    real_given = real_at(cells[REAL_GIVEN], cells[REAL_GIVEN_LENGTH])
    memory = MEMORY(
        whole_at(cells[WHOLE], cells[WHOLE_LENGTH]), real_at(cells[REAL], cells[REAL_LENGTH])
    )
    account = ACCOUNT(position, coming, orders)
    given = Given({given})
{columns}
    for row in range(start, stop):
        cells[AT_ROW] = row
        STEP(ROW({fields}, tick), given, memory, account, wishes)
        if wishes[0] != 0:
            return row
    return stop


OVER_ROWS = COMPILE(over_rows)


def walk(block, start, stop, position, coming, orders):
    try:
        return OVER_ROWS(block, start, stop, position, coming, orders)
    except Exception:
        return {failure}
'''


class StepEntry:
    """A strategy's function over the rows of one stream, with its memory and its wishes.

    Args:
        step: One of `STEPS`.
        given: The strategy's parameters; numbers are given to the function, others are not.
        cells: How many int64 and how many float64 it keeps.
        tick: Size of a tick.
        name: The strategy's name, for messages.

    Attributes:
        question: Name of the function, one of `STEPS`.
        memory: What it keeps.
        wishes: What the last call wished; drawn in `_running_layout`.

    Raises:
        SettingsError: It does not compile, or the numbers of cells are out of bounds.
    """

    def __init__(
        self,
        step: Callable[..., None],
        given: Mapping[str, object],
        *,
        cells: tuple[int, int],
        tick: float,
        name: str,
    ) -> None:
        whole, real = cells
        if not (0 <= whole <= CELLS_MAX and 0 <= real <= CELLS_MAX):
            raise SettingsError(
                f"strategy {name}: it keeps {cells} whole and real numbers; allowed: 0 … "
                f"{CELLS_MAX} of each"
            )
        self.name = name
        self.question: str = _bare(step).__name__
        self.memory = Memory(np.zeros(whole, np.int64), np.zeros(real, np.float64))
        self.wishes = np.zeros(WISHES_LENGTH, np.int64)
        numbers = {key: each for key, each in given.items() if isinstance(each, int | float)}
        self._whole_given = np.array(
            [int(each) for each in numbers.values() if isinstance(each, int)], np.int64
        )
        self._real_given = np.array(
            [each for each in numbers.values() if isinstance(each, float)], np.float64
        )
        self._tick = np.array([tick], np.float64)
        self._one_row = np.zeros(at.COLUMNS_MAX, np.int64)
        self.block = np.zeros(at.BLOCK_WIDTH, np.int64)
        self._fill_block()
        self._walk = _walk_of(step, numbers, self.question, name)
        self.address: int = address_of(self._walk)
        self.block_address: int = self.block.ctypes.data
        self._call: Callable[..., int] = self._walk.ctypes if COMPILES else self._walk
        self._rows: Any = None

    @property
    def row(self) -> int:
        """The row the function is at, or failed at."""
        return int(self.block[at.AT_ROW])

    def give(self, columns: BarColumns | TradeColumns) -> None:
        """Show the function columns; they are kept until others are given."""
        _, names = STEPS[self.question]
        rows = [np.ascontiguousarray(getattr(columns, each)) for each in names]
        self._rows = rows
        self.block[at.COLUMNS : at.COLUMNS + len(rows)] = [each.ctypes.data for each in rows]

    def one(self, row: Sequence[int], *, position: int, coming: int, orders: int) -> bool:
        """Call the function on one row, and return whether it wished anything.

        Raises:
            SettingsError: The function raised.
        """
        self.single()[: len(row)] = row
        if self._call(self.block_address, 0, 1, position, coming, orders) == STEP_FAILURE:
            raise self.failure()
        return bool(self.wishes[WISH_COUNT])

    def single(self) -> NDArray[np.int64]:
        """Show the function one row, and return its cells, in the order of the row's columns."""
        cells = self._one_row
        if self._rows is not cells:
            self._rows = cells
            self.block[at.COLUMNS :] = cells.ctypes.data + 8 * np.arange(at.COLUMNS_MAX)
        return cells

    def taken(self) -> tuple[list[tuple[int, int, int, int]], bool]:
        """Return what was wished, (kind, signed lots, price, handle) each, and whether more was.

        There is nothing wished any more afterwards.
        """
        count, excess = int(self.wishes[WISH_COUNT]), bool(self.wishes[WISH_EXCESS])
        cells = self.wishes[WISH_ROWS : WISH_ROWS + count * WISH_WIDTH].tolist()
        self.wishes[WISH_COUNT] = self.wishes[WISH_EXCESS] = 0
        rows = [tuple(cells[base : base + WISH_WIDTH]) for base in range(0, len(cells), WISH_WIDTH)]
        return rows, excess

    def fail(self) -> None:
        """Say that the function raised.

        Raises:
            SettingsError: Always.
        """
        raise self.failure()

    def failure(self) -> SettingsError:
        """Return what to say of a function that raised: compiled code keeps no more of it."""
        return SettingsError(
            f"strategy {self.name}: its function raised; run it with NUMBA_DISABLE_JIT=1 to see "
            "where, a division by zero is the usual cause"
        )

    def _fill_block(self) -> None:
        block = self.block
        for length, place, cells in (
            (at.WHOLE_LENGTH, at.WHOLE, self.memory.whole),
            (at.REAL_LENGTH, at.REAL, self.memory.real),
            (at.WHOLE_GIVEN_LENGTH, at.WHOLE_GIVEN, self._whole_given),
            (at.REAL_GIVEN_LENGTH, at.REAL_GIVEN, self._real_given),
        ):
            block[length] = len(cells)
            block[place] = cells.ctypes.data
        block[at.WISHES] = self.wishes.ctypes.data
        block[at.TICK] = self._tick.ctypes.data


CELLS_MAX: Final = 10_000_000
"""Numbers of one kind that a strategy may keep: 80 MB."""


def _walk_of(
    step: Callable[..., None],
    numbers: Mapping[str, object],
    question: str,
    name: str,
) -> Any:  # noqa: ANN401  a compiled function is untyped
    text = _text(numbers, question)
    bare = _bare(step)
    if bare.__closure__:
        # What it closes over may be something else next time.
        return _made_walk(step, bare, text, name)
    own = _OF_FUNCTION.setdefault(bare, {})
    made = own.get(text)
    if made is None:
        made = own[text] = _made_walk(step, bare, text, name)
    return made


def _made_walk(step: Callable[..., None], bare: Any, text: str, name: str) -> Any:  # noqa: ANN401
    key = _key(step, text)
    made = _MADE.get(key) if key else None
    if made is not None:
        return made
    names: dict[str, Any] = {"STEP": bare, "COMPILE": _as_is}
    if COMPILES:
        names["STEP"] = numba.njit(error_model="python", nogil=True)(bare)
        names["COMPILE"] = numba.njit(error_model="python", nogil=True)
    module = _module(text, key, names)
    if not COMPILES:
        walk = module.walk
    else:
        try:
            walk = numba.cfunc(_SIGNATURE, cache=bool(key))(module.walk)
        except numba.core.errors.NumbaError as error:
            told = " ".join(str(error).split())[:400]
            raise SettingsError(
                f"strategy {name}: {bare.__name__} does not compile ({told}); use numbers, "
                "arithmetic, the fields it is given and the words of tieout.compiled"
            ) from error
    if key:
        _MADE[key] = walk
    return walk


_MADE: dict[str, Any] = {}
"""Loops by their key: one process compiles each once, whatever runs it makes."""

_OF_FUNCTION: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
"""The same by function and text: one that is loaded already does not change with its file."""


def _bare(step: Any) -> Any:  # noqa: ANN401
    """Return the function as it was written, where it was compiled by the user already."""
    return getattr(step, "py_func", step)


def _as_is(function: Any) -> Any:  # noqa: ANN401
    return function


def _text(numbers: Mapping[str, object], question: str) -> str:
    row_type, columns = STEPS[question]
    lines = [
        f"    {each} = {'small' if each in _SMALL else 'whole'}_at(cells[COLUMNS + {place}], stop)"
        for place, each in enumerate(columns)
    ]
    fields = [_SMALL.get(each, f"{each}[row]") for each in columns]
    whole = real = 0
    given = []
    for each in numbers.values():
        if isinstance(each, int):
            given.append(f"whole_given[{whole}]" + (" != 0" if isinstance(each, bool) else ""))
            whole += 1
        else:
            given.append(f"real_given[{real}]")
            real += 1
    return _TEMPLATE.format(
        question=question,
        row_type=row_type,
        names=list(numbers) or ["nothing"],
        wishes_length=WISHES_LENGTH,
        given=", ".join(given) or "0",
        columns="\n".join(lines),
        fields=", ".join(fields),
        failure=STEP_FAILURE,
    )


def _key(step: Callable[..., None], text: str) -> str:
    """Return what names the loop on disk; empty where it cannot be kept."""
    bare = _bare(step)
    if bare.__closure__:
        # What it closes over is in no file.
        return ""
    try:
        file = Path(inspect.getfile(bare))
        beside = sorted(file.parent.glob("*.py"))
        digest = sha256(f"{sources_digest()}\0{file}\0{bare.__qualname__}\0{text}".encode())
        for each in (file, *(other for other in beside if other != file)):
            data = each.read_bytes()
            digest.update(f"\0{each.name}\0{len(data)}\0".encode())
            digest.update(data)
    except (OSError, TypeError):
        return ""
    return digest.hexdigest()


def _module(text: str, key: str, names: Mapping[str, Any]) -> ModuleType:
    """Run the loop's module, from a file where it can be kept."""
    folder = Path(str(numba.config.CACHE_DIR)) / "strategies"  # type: ignore[attr-defined]
    path = folder / f"step_{key[:40]}.py"
    if key:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not path.is_file():
                half = path.with_suffix(f".{os.getpid()}.part")
                half.write_text(text, encoding="utf-8")
                half.replace(path)
        except OSError:
            key = ""
    spec = importlib.util.spec_from_file_location(f"tieout_step_{key[:40]}", path)
    assert spec is not None, path
    module = importlib.util.module_from_spec(spec)
    if key:
        # What comes from the disk asks for its module by name.
        sys.modules[module.__name__] = module
    vars(module).update(names)
    exec(compile(text, str(path) if key else "<step>", "exec"), vars(module))  # noqa: S102  our own text
    return module


def address_of(walk: Any) -> int:  # noqa: ANN401
    """Return what a run calls a function by."""
    if COMPILES:
        address: int = walk.address
        return address
    address = ctypes.addressof(ctypes.c_int64()) if not INTERPRETED else max(INTERPRETED) + 1
    INTERPRETED[address] = walk
    return address
