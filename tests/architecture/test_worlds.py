"""Nothing below wiring knows in which world it runs."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.tree import modules

MAY_NAME_WORLDS = ("wiring/", "cli/", "reconcile/", "report/")
"""The two sides of a comparison have names; what runs has not."""

WORLDS = {"live", "paper", "shadow", "backtest", "backtesting", "replay", "twin"}
QUESTIONS = {
    *(f"is_{world}" for world in WORLDS),
    *(f"{world}_mode" for world in WORLDS),
    "dry_run",
    "is_simulated",
    "run_mode",
    "runmode",
    "world",
}

BELOW = sorted(each for each in modules() if not each.startswith(MAY_NAME_WORLDS))


def branches_on_a_world(tree: ast.AST) -> list[str]:
    """Return what in the code asks for the world, with its line."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                compared = [left, *others]
            case ast.MatchValue(value=value):
                compared = [value]
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                if name.lower() in QUESTIONS:
                    found.append(f"line {node.lineno}: {name}")
                continue
            case _:
                continue
        for each in compared:
            members = each.elts if isinstance(each, ast.Tuple | ast.List | ast.Set) else [each]
            found += [
                f"line {member.lineno}: {member.value!r}"
                for member in members
                if isinstance(member, ast.Constant) and member.value in WORLDS
            ]
    return found


@pytest.mark.parametrize("module", BELOW)
def test_nothing_below_wiring_branches_on_the_world(module: str) -> None:
    assert branches_on_a_world(modules()[module]) == []


@pytest.mark.parametrize(
    "code",
    [
        "if mode == 'live': pass",
        "if mode in ('paper', 'live'): pass",
        "match mode:\n    case 'shadow': pass",
        "wait = 1 if venue.is_live else 2",
        "def run(dry_run): pass",
    ],
)
def test_a_branch_on_the_world_is_found(code: str) -> None:
    assert len(branches_on_a_world(ast.parse(code))) >= 1
