"""One decorator for every compiled function, and a cache that no edit can leave stale.

numba keys a cached function by its own source alone: an edit in a function it calls goes
unnoticed, and the old answer comes back. So the cache folder carries a hash of all sources of
this package, and must be set before the first compiled function is defined; every module here
imports `compiled` from this one, which does so.

Nothing is compiled, nor read from the cache, before it is called: a run pays for what it uses.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numba
import numpy as np
import platformdirs
from llvmlite.binding import load_library_permanently
from numba.core import event
from numba.core.dispatcher import Dispatcher

from tieout.market._linking import EntryCompiler, InnerCompiler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "COMPILES",
    "compiled",
    "compiled_inner",
    "compiling_told",
    "inlined",
    "made_ready",
    "sources_digest",
    "uncounted",
    "uncounted_inner",
]

Function = TypeVar("Function", bound="Callable[..., Any]")

COMPILES: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]
"""Whether compiled functions are compiled: a debugger may want them as plain Python."""

_ENVIRONMENT = "NUMBA_CACHE_DIR"
_SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "python"}
_ENTRY: dict[str, Any] = {"cache": True, "pipeline_class": EntryCompiler}
_INNER: dict[str, Any] = {"pipeline_class": InnerCompiler}
_LATE = "compile_late"
_UNCOUNTED: dict[str, Any] = {**_SETTINGS, "_nrt": False}
"""Without reference counts; what is compiled so may neither allocate nor slice."""


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile an entry point when it is first called, for exactly this signature.

    Args:
        signature: In numba's words, e.g. `int64(int64[::1], int64)`. Market columns are declared
            read-only (`C` below), because those that come from a Parquet file are.
    """
    return _on_first_call(signature, {**_SETTINGS, **_ENTRY})


def compiled_inner(function: Function) -> Function:
    """Compile a function that only compiled functions call, when the first of them is compiled."""
    wrapped: Function = numba.njit(**_SETTINGS, **_INNER)(function)
    return wrapped


def uncounted(signature: str) -> Callable[[Function], Function]:
    """Compile an entry point that hands three arrays or more to inner functions row by row.

    Every array handed on is counted, in one atomic step up and one down, which the compiler leaves
    out for one or two arrays only: each more costs 3 to 4 ns a call. The caller of an entry point
    holds all arrays, so nothing needs counting; its inner functions are uncounted too.
    """
    return _on_first_call(signature, {**_UNCOUNTED, **_ENTRY})


def uncounted_inner(function: Function) -> Function:
    """Compile a function that only uncounted functions call."""
    wrapped: Function = numba.njit(**_UNCOUNTED, **_INNER)(function)
    return wrapped


def inlined(function: Function) -> Function:
    """Do as `uncounted_inner`, for what is small or called for every row: it is never called."""
    wrapped: Function = numba.njit(**_UNCOUNTED, **_INNER, forceinline=True)(function)
    return wrapped


def made_ready(function: Function) -> Function:
    """Compile an entry point that is to be handed to another one, unless that has been done."""
    late = function.__dict__.get(_LATE)
    if late is not None:
        late()
    return function


@contextmanager
def compiling_told(tell: Callable[[str, int, int], None]) -> Iterator[None]:
    """Tell what is compiled meanwhile, function by function, before each begins.

    What comes from the cache is not told: that takes no time that anybody sees.

    Args:
        tell: Called with the name of an entry point, how many of the functions that it needs have
            been begun, and how many they are.
    """
    listener = _Teller(tell)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Return the hash of everything that decides what the compiled core computes.

    All sources of this package and the versions of numba and numpy; it goes into run manifests.
    """
    digest = sha256(f"numba {numba.__version__} numpy {np.__version__}".encode())
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        name = path.relative_to(folder).as_posix()
        digest.update(f"\x00{name}\x00{len(text)}\x00".encode())
        digest.update(text)
    return digest.hexdigest()


class _Teller(event.Listener):
    """Counts what is compiled for one entry point; what is a user's, or numba's, is not ours."""

    def __init__(self, tell: Callable[[str, int, int], None]) -> None:
        self._tell = tell
        self._within: list[Dispatcher] = []
        self._needed: set[Dispatcher] = set()
        self._begun: set[Dispatcher] = set()

    def on_start(self, event: Any) -> None:  # noqa: ANN401
        function = event.data["dispatcher"]
        if not self._within:
            self._needed, self._begun = _needed_by(function), set()
        self._within.append(function)
        if not str(function.py_func.__module__).startswith(f"{__package__}."):
            return
        self._begun.add(function)
        name = self._within[0].py_func.__name__
        self._tell(name, len(self._begun), len(self._needed | self._begun))

    def on_end(self, event: Any) -> None:  # noqa: ANN401, ARG002
        self._within.pop()


def _needed_by(entry: Dispatcher) -> set[Dispatcher]:
    """Return a function and all that it calls, however deep, but for what is compiled already."""
    found: set[Dispatcher] = set()
    left = [entry]
    while left:
        each = left.pop()
        found.add(each)
        code, names = each.py_func.__code__, each.py_func.__globals__
        called = (names.get(name) for name in code.co_names)
        left += [
            other
            for other in called
            if isinstance(other, Dispatcher) and other not in found and not other.signatures
        ]
    return found


def _on_first_call(signature: str, settings: dict[str, Any]) -> Callable[[Function], Function]:
    """Return a decorator that compiles for one signature as soon as somebody wants to call.

    numba itself compiles either at once, which costs every start the whole core, or for whatever
    types the first call has, which need not be the declared ones.
    """

    def decorate(function: Function) -> Function:
        wrapped: Any = numba.njit(**settings)(function)
        if isinstance(wrapped, Dispatcher):
            _compile_late(wrapped, signature)
        return wrapped

    return decorate


def _compile_late(wrapped: Any, signature: str) -> None:  # noqa: ANN401  numba is untyped
    """Stand in, on one dispatcher, for what numba asks of one that has nothing compiled yet."""

    def compile_now() -> None:
        wrapped.compile(_expanded(signature))
        for made in wrapped.overloads.values():
            # Of what was linked in; numba does it for what it loads from the cache.
            for environment in made._find_referenced_environments():  # noqa: SLF001
                made.codegen.set_env(environment.env_name, environment)
        wrapped.disable_compile()
        for name in stand_ins:
            wrapped.__dict__.pop(name, None)

    def callable_for(*values: Any, **named: Any) -> Any:  # noqa: ANN401, ARG001
        compile_now()
        # It is called with the values then, which must be of the declared types.
        return wrapped

    def template(types: Any, named: Any) -> Any:  # noqa: ANN401
        # Another compiled function calls it.
        compile_now()
        return wrapped.get_call_template(types, named)

    stand_ins = {
        "_compile_for_args": callable_for,
        "get_call_template": template,
        _LATE: compile_now,
    }
    wrapped.__dict__.update(stand_ins)


def _expanded(signature: str) -> Any:  # noqa: ANN401  numba's types are untyped
    names: dict[str, Any] = {
        "void": numba.void,
        "int64": numba.int64,
        "float64": numba.float64,
        "C": numba.types.Array(numba.int64, 1, "C", readonly=True),
        "C8": numba.types.Array(numba.int8, 1, "C", readonly=True),
        "A": numba.int64[::1],
        "CB": numba.types.Array(numba.uint8, 1, "C", readonly=True),
        "U": numba.uint64[::1],
        "B": numba.uint8[::1],
        "F": numba.float64[::1],
        "FF": numba.float64[:, ::1],
        "STEP": _step_type(),
    }
    result, _, arguments = signature.rstrip(")").partition("(")
    return names[result](*(names[each.strip()] for each in arguments.split(",")))


@lru_cache(maxsize=1)
def _step_type() -> Any:  # noqa: ANN401  numba's types are untyped
    """Return the type of an indicator's step, which is handed to the loop over rows."""
    step = numba.float64(numba.float64[::1], *(numba.int64,) * 5)
    return numba.types.FunctionType(step)


def _set_cache_folder() -> None:
    """Point numba at a folder of this digest, below the user's own choice where there is one."""
    digest = sources_digest()[:32]
    chosen = os.environ.get(_ENVIRONMENT)
    if chosen is None:
        folder = platformdirs.user_cache_path("tieout") / "compiled" / digest
    elif Path(chosen).name == digest:
        # A parent process has set it already.
        folder = Path(chosen)
    else:
        folder = Path(chosen) / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        # Private to this process: a folder that others can write to would let them run code here.
        folder = Path(tempfile.mkdtemp(prefix="tieout-compiled-"))
        atexit.register(rmtree, folder, ignore_errors=True)
    os.environ[_ENVIRONMENT] = str(folder)
    # numba reads the environment once, and may have been imported before us.
    numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]


def _know_wide_division() -> None:
    """Let compiled code divide 128 bits, where the system has the function for it.

    A loop such as `while due <= now: due += step` becomes one such division, by a function of the C
    compiler that numba does not link: calling it would end the process.
    """
    library = _WIDE_DIVISION.get(sys.platform)
    if library is not None:
        with suppress(RuntimeError):
            load_library_permanently(library)


_WIDE_DIVISION: Final = {"linux": "libgcc_s.so.1", "darwin": "libSystem.B.dylib"}

_know_wide_division()
_set_cache_folder()
