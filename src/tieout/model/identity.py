"""Identity by origin: the same decision has the same id in every world.

A decision's origin is logical — which bar, which trade, which timer, which fill — and never an
arrival time, a file position or a run id, so two runs can be matched after they have parted.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["CLIENT_ID_LENGTH", "client_order_id", "decision_id", "decision_id_of", "run_prefix"]

_DECISION_BYTES = 12
_PREFIX_LENGTH = 9
CLIENT_ID_LENGTH = _PREFIX_LENGTH + 2 * _DECISION_BYTES
"""Characters of a client order id: 33, under the 36 that venues allow."""


def decision_id(strategy: str, origin: str, place: int) -> str:
    """Return 24 hex digits for the `place`-th wish made in the callback of `origin`.

    >>> decision_id("dip", "bar:1m:ES/USDT:USDT:1378054860000000000:0", 0)
    '051a5eb9c86824681a4f6730'
    """
    key = f"{strategy}\x1f{origin}\x1f{place}".encode()
    return blake2b(key, digest_size=_DECISION_BYTES).hexdigest()


def run_prefix(run_id: str) -> str:
    """Return the nine characters that mark a run's orders at the venue.

    The letter t and eight hex digits of the run id's hash.
    """
    return "t" + blake2b(run_id.encode(), digest_size=4).hexdigest()


def client_order_id(run_id: str, decision: str) -> str:
    """Return the id an order carries at the venue: a function of run and decision alone."""
    return run_prefix(run_id) + decision


def decision_id_of(run_id: str, client_id: str) -> str | None:
    """Return the decision behind a client order id, or None when it is not of this run."""
    if len(client_id) != CLIENT_ID_LENGTH or not client_id.startswith(run_prefix(run_id)):
        return None
    return client_id[_PREFIX_LENGTH:]
