"""What a module offers is what it says it offers."""

from __future__ import annotations

import ast

import pytest

import tieout
from tests.architecture.tree import modules

MODULES = sorted(modules())


def offered(tree: ast.Module) -> list[str] | None:
    """Return the names in `__all__`, or None where there is none."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                names: list[str] = ast.literal_eval(value)
                return names
            case _:
                pass
    return None


def defined(tree: ast.Module) -> set[str]:
    """Return the public functions and classes that the module itself makes."""
    made = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.name for node in tree.body if isinstance(node, made) and not node.name.startswith("_")
    }


def reachable(tree: ast.Module) -> set[str]:
    """Return every name that the module has when it runs, imported ones included."""
    names = defined(tree)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.Assign):
            names |= {each.id for each in node.targets if isinstance(each, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_and_classes_are_in_all(module: str) -> None:
    if module.rpartition("/")[2].startswith("_") and not module.endswith("__init__.py"):
        return  # A private module offers nothing; its neighbours name what they take.
    tree = modules()[module]

    assert defined(tree) <= set(offered(tree) or ())


@pytest.mark.parametrize("module", MODULES)
def test_every_name_in_all_exists(module: str) -> None:
    tree = modules()[module]
    if module == "__init__.py":
        # The front door opens its rooms when they are asked for.
        assert all(hasattr(tieout, name) for name in tieout.__all__)
        return

    assert set(offered(tree) or ()) <= reachable(tree)


@pytest.mark.parametrize("module", [each for each in MODULES if each.endswith("__init__.py")])
def test_a_package_offers_exactly_what_it_re_exports(module: str) -> None:
    tree = modules()[module]
    re_exported = {
        each.asname or each.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tieout")
        for each in node.names
    }
    own = defined(tree)

    # A package with code of its own (the command line) imports what that code needs as well.
    if not own:
        assert re_exported <= set(offered(tree) or ())


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_offered_twice(module: str) -> None:
    names = offered(modules()[module]) or []

    assert len(names) == len(set(names))
