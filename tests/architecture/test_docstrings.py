"""Documented arguments are the arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.tree import modules

Function = ast.FunctionDef | ast.AsyncFunctionDef


def section(docstring: str, title: str) -> list[str] | None:
    """Return the names a section describes, in order, or None where it is not there."""
    lines = docstring.splitlines()
    if f"{title}:" not in [each.strip() for each in lines]:
        return None
    start = next(row for row, each in enumerate(lines) if each.strip() == f"{title}:")
    margin = len(lines[start]) - len(lines[start].lstrip())
    names: list[str] = []
    step = None
    for line in lines[start + 1 :]:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent <= margin:
            break
        if step is None and line.strip():
            step = indent
        entry = re.match(r"([*\w]+(?:, [*\w]+)*):", line.strip())
        if entry and indent == step:
            names += [each.lstrip("*") for each in entry.group(1).split(", ")]
    return names


def parameters(function: Function) -> list[str]:
    """Return the names of a function's parameters, without the instance or class."""
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    if given.vararg:
        names.append(given.vararg.arg)
    names += [each.arg for each in given.kwonlyargs]
    if given.kwarg:
        names.append(given.kwarg.arg)
    return names


def fields(made: ast.ClassDef) -> list[str]:
    """Return the annotated names of a class body, in order."""
    return [
        node.target.id
        for node in made.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]


def attributes(made: ast.ClassDef) -> set[str]:
    """Return what an instance has: fields, properties, and what its methods set on it."""
    found = set(fields(made))
    for node in ast.walk(made):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                found.add(name)
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(id="property")]):
                found.add(name)
            case _:
                pass
    return found


def constructor(made: ast.ClassDef) -> list[str]:
    """Return what making an instance takes: `__init__`'s parameters, or the class's fields."""
    for node in made.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return parameters(node)
    return fields(made)


def documented(title: str) -> Iterator[tuple[str, ast.AST, list[str]]]:
    """Yield everything that documents such a section: its place, itself, the names described."""
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                told = section(ast.get_docstring(node) or "", title)
                if told is not None:
                    yield f"{module}:{node.name}", node, told


@pytest.mark.parametrize(
    ("made", "told"),
    [pytest.param(made, told, id=place) for place, made, told in documented("Args")],
)
def test_documented_arguments_equal_the_signature(made: ast.AST, told: list[str]) -> None:
    if isinstance(made, ast.ClassDef):
        there = constructor(made)
    else:
        assert isinstance(made, Function)
        there = parameters(made)

    assert told == there


@pytest.mark.parametrize(
    ("made", "told"),
    [pytest.param(made, told, id=place) for place, made, told in documented("Attributes")],
)
def test_a_documented_attribute_is_there(made: ast.AST, told: list[str]) -> None:
    assert isinstance(made, ast.ClassDef), "only a class has attributes"

    assert set(told) <= attributes(made)


def test_the_reader_of_sections_sees_names_and_not_prose() -> None:
    docstring = """Do it.

    Args:
        first, second: Two in one line; a note: with a colon.
            More: not a name.
        *rest: The others.

    Returns:
        nothing: at all.
    """

    assert section(docstring, "Args") == ["first", "second", "rest"]
    assert section(docstring, "Raises") is None
