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


def constructor(made: ast.ClassDef) -> list[str]:
    """Return what making an instance takes: `__init__`'s parameters, or the class's fields."""
    for node in made.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return parameters(node)
    return fields(made)


def documented() -> Iterator[tuple[str, str, str, list[str], list[str]]]:
    """Yield place, section, and the two lists of names for everything with such a section."""
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            docstring = ast.get_docstring(node)
            if docstring is None:
                continue
            place = f"{module}:{node.name}"
            arguments = section(docstring, "Args")
            if arguments is not None:
                made = constructor(node) if isinstance(node, ast.ClassDef) else parameters(node)
                yield place, "Args", module, arguments, made
            attributes = section(docstring, "Attributes")
            if attributes is not None and isinstance(node, ast.ClassDef):
                yield place, "Attributes", module, attributes, fields(node)


FOUND = list(documented())


@pytest.mark.parametrize(
    ("told", "there"),
    [
        pytest.param(told, there, id=place)
        for place, what, _, told, there in FOUND
        if what == "Args"
    ],
)
def test_documented_arguments_equal_the_signature(told: list[str], there: list[str]) -> None:
    assert told == there


@pytest.mark.parametrize(
    ("told", "there"),
    [
        pytest.param(told, there, id=place)
        for place, what, _, told, there in FOUND
        if what == "Attributes"
    ],
)
def test_documented_attributes_are_fields_in_their_order(told: list[str], there: list[str]) -> None:
    assert told == [each for each in there if each in told]


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
