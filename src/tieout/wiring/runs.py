"""What is known of a run that was kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tieout.adapters.storage.disk import RealDisk
from tieout.journal import (
    JournalReader,
)
from tieout.model.rules import RulesChanged
from tieout.model.universes import UniverseChanged
from tieout.wiring.reference import named_facts

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder


__all__ = ["run_facts", "run_summary"]


def run_summary(run: RunFolder) -> dict[str, Any]:
    """Return one line about a run: id, strategy, profile, profit."""
    manifest = run.manifest()
    facts: dict[str, Any] = {
        "run": run.run_id,
        "strategy": manifest.strategy_name,
        "profile": manifest.profile.name,
        "profit": "not finished",
    }
    if run.has("result.json"):
        facts["profit"] = run.read("result.json", dict)["profit"]
    return facts


def run_facts(run: RunFolder) -> dict[str, Any]:
    """Return a run's manifest, result and what its journal holds."""
    manifest = run.manifest()
    reader = JournalReader(RealDisk(), str(run.journal))
    counts: dict[str, int] = {}
    told: dict[str, list[dict[str, Any]]] = {}
    for entry in reader:
        name = type(entry.record).__name__
        counts[name] = counts.get(name, 0) + 1
        if isinstance(entry.record, UniverseChanged):
            told.setdefault("selections", []).append(msgspec.structs.asdict(entry.record))
        elif isinstance(entry.record, RulesChanged):
            told.setdefault("rules", []).append(msgspec.structs.asdict(entry.record))
    facts: dict[str, Any] = {
        **run_summary(run),
        "kind": manifest.kind,
        "parameters": manifest.parameters,
        "data": ", ".join(f"{each.name} {each.fingerprint[:12]}" for each in manifest.data),
        "journal": ", ".join(f"{count} {name}" for name, count in sorted(counts.items())),
        "versions": ", ".join(f"{name} {text}" for name, text in manifest.versions.items()),
        **named_facts(manifest),
        **told,
    }
    if run.has("result.json"):
        facts |= run.read("result.json", dict)
    return facts
