"""Every compiled function has a plain twin it is compared with."""

from __future__ import annotations

import ast
import re

import pytest

import tieout.compiled
from tests.architecture.tree import REPOSITORY, modules


def decorators(function: ast.FunctionDef) -> set[str]:
    """Return the names of a function's decorators, called or not."""
    names = set()
    for each in function.decorator_list:
        bare = each.func if isinstance(each, ast.Call) else each
        names.add(bare.id if isinstance(bare, ast.Name) else ast.unparse(bare))
    return names


ENTRY = {"compiled", "uncounted"}
INNER = {"compiled_inner", "uncounted_inner", "inlined"}


def compiled_functions() -> dict[tuple[str, str], ast.FunctionDef]:
    """Return every compiled function of the market core by its module and name."""
    return {
        (module, node.name): node
        for module, tree in modules().items()
        if module.startswith("market/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and decorators(node) & (ENTRY | INNER)
    }


def homes() -> dict[tuple[str, str], str]:
    """Return where a name that a module imports from another one of the market core comes from."""
    return {
        (module, alias.asname or alias.name): node.module.removeprefix("tieout.").replace(".", "/")
        + ".py"
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tieout.")
        for alias in node.names
    }


COMPILED = compiled_functions()
ENTRIES = sorted(place for place, node in COMPILED.items() if ENTRY & decorators(node))
LOOP = ("whole_at", "real_at", "small_at")
"""What the loop over a strategy's function calls; its text is written for each strategy."""
SAID = sorted(
    place
    for place in COMPILED
    if place[0] == "market/_stepping.py" and place[1] in (*tieout.compiled.__all__, *LOOP)
)
"""What strategies call: the words of `tieout.compiled`, and what their loops need."""


def reached_from(places: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the compiled functions that these call, themselves included, however deep."""
    reached: set[tuple[str, str]] = set()
    waiting, home = list(places), homes()
    while waiting:
        module, name = waiting.pop()
        place = (home.get((module, name), module), name)
        if place in COMPILED and place not in reached:
            reached.add(place)
            called = [each.id for each in ast.walk(COMPILED[place]) if isinstance(each, ast.Name)]
            waiting += [(place[0], each) for each in called]
    return reached


def twins() -> str:
    """Return the text of everything in the folder of naive twins."""
    folder = REPOSITORY / "tests" / "naive"
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


@pytest.mark.parametrize("name", sorted({name for _, name in ENTRIES + SAID} - {*LOOP}))
def test_a_compiled_entry_point_is_named_beside_its_naive_twin(name: str) -> None:
    named = re.search(rf"\b{name}\b", twins()) is not None

    assert named, f"no file of tests/naive names {name}"


def test_every_other_compiled_function_is_reached_from_an_entry_point() -> None:
    assert set(COMPILED) - reached_from(ENTRIES + SAID) == set()


def test_compiled_functions_are_found_at_all() -> None:
    assert len(COMPILED) > 5


def test_nothing_is_compiled_past_the_one_decorator() -> None:
    past = [
        (module, node.name)
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any("jit" in each for each in decorators(node))
    ]

    assert past == []
