"""Finds a strategy class in a file and says exactly which code it is."""

from __future__ import annotations

import importlib.util
import sys
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from tieout.errors import SettingsError
from tieout.strategy.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

__all__ = ["LoadedStrategy", "load_module", "load_strategy"]


class LoadedStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy class ready to be made, with what identifies it.

    Attributes:
        path: File it came from; empty for a class handed over in Python.
        name: Class name.
        code_hash: SHA-256 of the file, or of the class's module file.
        made: The class.
        parameters: Values that differ from its defaults, as given.
    """

    path: str
    name: str
    code_hash: str
    made: type[Strategy]
    parameters: dict[str, object]

    def __call__(self) -> Strategy:
        """Make a strategy with these parameters."""
        return self.made(**self.parameters)

    def all_parameters(self) -> dict[str, object]:
        """Return every parameter with its value."""
        return self().parameters()


def load_strategy(
    given: str | type[Strategy], parameters: Mapping[str, object] | None = None
) -> LoadedStrategy:
    """Return the strategy named `file.py` or `file.py:Class`, or the class itself.

    Raises:
        SettingsError: No such file or class, several classes and none named, code that does not
            import, or a parameter the strategy does not have.
    """
    if isinstance(given, str):
        path, _, name = given.partition(":")
        made = _class_in(Path(path), name)
    else:
        path, made = "", given
    source = Path(path) if path else _file_of(made)
    loaded = LoadedStrategy(
        path=str(source.resolve()) if path and source else "",
        name=made.__name__,
        code_hash=sha256(source.read_bytes()).hexdigest() if source else "",
        made=made,
        parameters=dict(parameters or {}),
    )
    loaded()  # A wrong parameter is said now, not in the middle of a run.
    return loaded


def load_module(path: Path, subject: str) -> ModuleType:
    """Run a user's file as a module of its own.

    Args:
        path: The file.
        subject: What it is read for (`strategy`, `model`), for messages.

    Raises:
        SettingsError: No such file, or it does not import.
    """
    if not path.is_file():
        raise SettingsError(f"{subject} {path}: no such file; give file.py or file.py:Class")
    # The module name carries the content, so an edited file is never served from a cache.
    module_name = f"tieout_{subject}_{sha256(path.read_bytes()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None, path
    assert spec.loader is not None, path
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        raise SettingsError(
            f"{subject} {path}: it does not import ({type(error).__name__}: {error}); mend the file"
        ) from error
    return module


def _class_in(path: Path, name: str) -> type[Strategy]:
    module = load_module(path, "strategy")
    found = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
    }
    if name:
        if name not in found:
            raise SettingsError(
                f"strategy {path}: no class {name}; it has: {', '.join(found) or 'none'}"
            )
        return found[name]
    if len(found) != 1:
        raise SettingsError(
            f"strategy {path}: {len(found)} strategy classes ({', '.join(found) or 'none'}); "
            "name one as file.py:Class"
        )
    return next(iter(found.values()))


def _file_of(made: type[Strategy]) -> Path | None:
    file = getattr(sys.modules.get(made.__module__), "__file__", None)
    return Path(file) if file else None
