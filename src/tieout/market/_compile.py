"""One decorator for every compiled function, and a cache that no edit can leave stale.

numba keys a cached function by its own source alone: an edit in a function it calls goes
unnoticed, and the old answer comes back. So the cache folder carries a hash of all sources of
this package, and must be set before the first compiled function is defined; every module here
imports `compiled` from this one, which does so.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, TypeVar

import numba
import numpy as np
import platformdirs

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "compiled",
    "compiled_inner",
    "inlined",
    "sources_digest",
    "uncounted",
    "uncounted_inner",
]

Function = TypeVar("Function", bound="Callable[..., Any]")

_ENVIRONMENT = "NUMBA_CACHE_DIR"
_SETTINGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "python"}
_UNCOUNTED: dict[str, Any] = {**_SETTINGS, "_nrt": False}
"""Without reference counts; what is compiled so may neither allocate nor slice."""


def compiled(signature: str) -> Callable[[Function], Function]:
    """Compile an entry point now, for exactly this signature.

    Args:
        signature: In numba's words, e.g. `int64(int64[::1], int64)`. Market columns are declared
            read-only (`C` below), because those that come from a Parquet file are.
    """
    decorate: Callable[[Function], Function] = numba.njit(_expanded(signature), **_SETTINGS)
    return decorate


def compiled_inner(function: Function) -> Function:
    """Compile a function that only compiled functions call, when the first of them is compiled."""
    wrapped: Function = numba.njit(**_SETTINGS)(function)
    return wrapped


def uncounted(signature: str) -> Callable[[Function], Function]:
    """Compile an entry point that hands three arrays or more to inner functions row by row.

    Every array handed on is counted, in one atomic step up and one down, which the compiler leaves
    out for one or two arrays only: each more costs 3 to 4 ns a call. The caller of an entry point
    holds all arrays, so nothing needs counting; its inner functions are uncounted too.
    """
    decorate: Callable[[Function], Function] = numba.njit(_expanded(signature), **_UNCOUNTED)
    return decorate


def uncounted_inner(function: Function) -> Function:
    """Compile a function that only uncounted functions call."""
    wrapped: Function = numba.njit(**_UNCOUNTED)(function)
    return wrapped


def inlined(function: Function) -> Function:
    """Do as `uncounted_inner`, for what is small or called for every row: it is never called."""
    wrapped: Function = numba.njit(**_UNCOUNTED, forceinline=True)(function)
    return wrapped


@lru_cache(maxsize=1)
def sources_digest() -> str:
    """Return the hash of everything that decides what the compiled core computes.

    All sources of this package and the versions of numba and numpy; it goes into run manifests.
    """
    digest = sha256(f"numba {numba.__version__} numpy {np.__version__}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = path.read_bytes()
        digest.update(f"\x00{path.name}\x00{len(text)}\x00".encode())
        digest.update(text)
    return digest.hexdigest()


def _expanded(signature: str) -> Any:  # noqa: ANN401  numba's types are untyped
    names: dict[str, Any] = {
        "void": numba.void,
        "int64": numba.int64,
        "float64": numba.float64,
        "C": numba.types.Array(numba.int64, 1, "C", readonly=True),
        "C8": numba.types.Array(numba.int8, 1, "C", readonly=True),
        "A": numba.int64[::1],
        "U": numba.uint64[::1],
        "B": numba.uint8[::1],
    }
    result, _, arguments = signature.rstrip(")").partition("(")
    return names[result](*(names[each.strip()] for each in arguments.split(",")))


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


_set_cache_folder()
