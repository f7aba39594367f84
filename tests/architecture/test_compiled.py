"""Every compiled function has a plain twin it is compared with."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import REPOSITORY, modules


def decorators(function: ast.FunctionDef) -> set[str]:
    """Return the names of a function's decorators, called or not."""
    names = set()
    for each in function.decorator_list:
        bare = each.func if isinstance(each, ast.Call) else each
        names.add(bare.id if isinstance(bare, ast.Name) else ast.unparse(bare))
    return names


COMPILED = sorted(
    (module, node.name)
    for module, tree in modules().items()
    if module.startswith("market/")
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef) and decorators(node) & {"compiled", "compiled_inner"}
)


@pytest.mark.parametrize(("module", "name"), COMPILED)
def test_a_compiled_function_is_named_beside_its_naive_twin(module: str, name: str) -> None:
    twins = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((REPOSITORY / "tests" / "naive").rglob("*.py"))
    )

    assert name in twins, f"{module}: no file of tests/naive names {name}"


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
