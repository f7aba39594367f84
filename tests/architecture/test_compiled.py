"""Every compiled function has a plain twin it is compared with."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.tree import REPOSITORY, modules


def decorators(function: ast.FunctionDef) -> set[str]:
    """Return the names of a function's decorators, called or not."""
    names = set()
    for each in function.decorator_list:
        bare = each.func if isinstance(each, ast.Call) else each
        names.add(bare.id if isinstance(bare, ast.Name) else ast.unparse(bare))
    return names


def compiled_functions() -> dict[str, ast.FunctionDef]:
    """Return every compiled function of the market core by its name."""
    return {
        node.name: node
        for module, tree in modules().items()
        if module.startswith("market/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and decorators(node) & {"compiled", "compiled_inner"}
    }


COMPILED = compiled_functions()
ENTRIES = sorted(name for name, node in COMPILED.items() if "compiled" in decorators(node))


def reached_from(names: list[str]) -> set[str]:
    """Return the compiled functions that these call, themselves included, however deep."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in COMPILED and name not in reached:
            reached.add(name)
            waiting += [each.id for each in ast.walk(COMPILED[name]) if isinstance(each, ast.Name)]
    return reached


def twins() -> str:
    """Return the text of everything in the folder of naive twins."""
    folder = REPOSITORY / "tests" / "naive"
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


@pytest.mark.parametrize("name", ENTRIES)
def test_a_compiled_entry_point_is_named_beside_its_naive_twin(name: str) -> None:
    named = re.search(rf"\b{name}\b", twins()) is not None

    assert named, f"no file of tests/naive names {name}"


def test_every_other_compiled_function_is_reached_from_an_entry_point() -> None:
    assert set(COMPILED) - reached_from(ENTRIES) == set()


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
