"""How functions are compiled: linked into one piece, and worked on once.

numba finishes every function as if Python called it: it optimises it together with all that it
calls, however deep, makes machine code of that and a wrapper for Python. A function nine calls deep
is so worked on nine times, of which one is of use: that of the entry point, where all of it is one
piece. Here an inner function stays as it was lowered:

    inner:  typed ──▶ lowered
    entry:  typed ──▶ lowered ──▶ linked with all it calls, however deep ──▶ optimised ──▶ run
                                                                                  └──▶ cached

That halves what compiling takes, and loses nothing: what an entry point becomes is decided where
everything that it calls is at hand.

Source: numba's compiler pipelines (`pipeline_class`) and its code libraries, of the pinned version.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import NativeLowering

__all__ = ["EntryCompiler", "InnerCompiler"]

_MANGLED = "_ZN"
"""What the names of compiled functions begin with."""


class _InnerLibrary(JITCodeLibrary):
    """Code that is linked into other code, and neither optimised nor run by itself."""

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._finalized = True

    def alone(self) -> Any:  # noqa: ANN401 - numba is untyped
        """Return the module to link, without what it calls."""
        return super()._get_module_for_linking()

    def _get_module_for_linking(self) -> Any:  # noqa: ANN401 - numba is untyped
        """Return the module to link, with what it calls: who asks is no entry point of ours."""
        whole = self.alone().clone()
        for each in _callers_first(self._linking_libraries):
            whole.link_in(each._get_module_for_linking(), preserve=True)  # noqa: SLF001
        return whole


class _EntryLibrary(JITCodeLibrary):
    """Code that is run, in one piece with all that it calls."""

    def finalize(self) -> None:
        self._linking_libraries = _callers_first(self._linking_libraries)
        super().finalize()

    def _verify_declare_only_symbols(self) -> None:
        """Refuse what would be found by luck in this process, and by nobody in the next one.

        Raises:
            RuntimeError: A function that is called is not there.
        """
        for each in self._final_module.functions:
            if each.is_declaration and each.name.startswith(_MANGLED):
                raise RuntimeError(f"{self.name} calls {each.name}, which is not linked")


@dataclass(frozen=True, slots=True)
class _Alone:
    """An inner library as numba's linking sees it."""

    library: _InnerLibrary

    @property
    def _reload_init(self) -> Any:  # noqa: ANN401 - numba is untyped
        return self.library._reload_init  # noqa: SLF001

    def _get_module_for_linking(self) -> Any:  # noqa: ANN401 - numba is untyped
        return self.library.alone()


def _callers_first(libraries: list[Any]) -> list[Any]:
    """Return libraries and all that they call, each after those that call it.

    The linker takes a function where it is asked for by then, and only once.
    """
    last_first: dict[Any, None] = {}

    def follow(library: Any) -> None:  # noqa: ANN401 - numba is untyped
        if library in last_first:
            return
        if isinstance(library, _InnerLibrary):
            for each in library._linking_libraries:  # noqa: SLF001
                follow(each)
        last_first[library] = None

    for library in libraries:
        follow(library)
    return [
        _Alone(each) if isinstance(each, _InnerLibrary) else each for each in reversed(last_first)
    ]


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(NativeLowering):
    """Lowers a function into a library that is only linked."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:  # noqa: ANN401 - numba is untyped
        state.library = _InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        state.flags.no_cpython_wrapper = True
        state.flags.no_cfunc_wrapper = True
        super().run_pass(state)
        lowered = state["cr"]
        # numba knows a compiled function by a builtin one, which Python would call.
        entry = _Uncallable().__getitem__
        state.targetctx.insert_user_function(entry, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class _Uncallable(dict[Any, Any]):
    """Its `__getitem__` is a builtin function that refuses whatever it is given."""

    def __missing__(self, key: object) -> NoReturn:
        raise TypeError("an inner function is called by compiled functions alone")


@register_pass(mutates_CFG=True, analysis_only=False)
class _EntryLowering(NativeLowering):
    """Lowers a function into a library that is linked into one piece."""

    _name = "entry_lowering"

    def run_pass(self, state: Any) -> bool:  # noqa: ANN401 - numba is untyped
        state.library = _EntryLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library.enable_object_caching()
        return bool(super().run_pass(state))


class _Compiler(CompilerBase):
    """numba's own pipeline, but for its last step."""

    lowering: type[NativeLowering]

    def define_pipelines(self) -> list[Any]:
        """Return the only pipeline there is."""
        ours = PassManager(self.lowering._name)  # noqa: SLF001
        for each, told in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            ours.add_pass(self.lowering if each is NativeLowering else each, told)
        ours.finalize()
        return [ours]


class InnerCompiler(_Compiler):
    """For what only compiled functions call."""

    lowering = _InnerLowering


class EntryCompiler(_Compiler):
    """For what Python calls."""

    lowering = _EntryLowering
