"""Going on with a run whose process stopped, in the world it ran in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieout.errors import InputError
from tieout.wiring.manifests import same_strategy
from tieout.wiring.trading import go_on_live
from tieout.wiring.watching import go_on_watching

if TYPE_CHECKING:
    from tieout.adapters.storage.runs import RunFolder
    from tieout.history.places import StoredAt
    from tieout.wiring.results import Result
    from tieout.wiring.telling import Progress
    from tieout.wiring.trading import VenueAccess

__all__ = ["resume"]


def resume(
    run: RunFolder,
    *,
    access: VenueAccess,
    store: StoredAt | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Go on with a live, paper or shadow run whose process stopped.

    The durable journal is folded to the state it leads to, and what was missed is fetched. A live
    run asks the venue what became of every order under way. On paper and in shadow, orders that
    rested meet the market that was missed first; what had not reached the simulated venue leaves
    now.

    Args:
        run: A run that was started.
        access: The same venue.
        store: Folder of the data store; paper and shadow need it.
        fresh: Forget what the strategy knew. The log says so, and the tie-out shows its price.
        progress: Told how much of the market was seen.

    Raises:
        InputError: The run ended, never started, or its strategy or data have changed.
        JournalDamaged: The durable part of the journal does not verify.
        VenueError: The venue cannot be reached or was lost.
    """
    kind = run.manifest().kind
    started = run.has("snapshot.json") if kind == "live" else kind in ("paper", "shadow")
    if not started:
        raise InputError(
            f"run {run.run_id} is no live, paper or shadow run that was started; start a new one"
        )
    loaded = same_strategy(run.manifest())
    run.lock()
    try:
        if kind == "live":
            return go_on_live(run, loaded, access, fresh=fresh, progress=progress)
        if store is None:
            raise InputError(f"run {run.run_id} is on {kind}: name the folder of its data store")
        return go_on_watching(run, loaded, access, store, fresh=fresh, progress=progress)
    finally:
        run.unlock()
