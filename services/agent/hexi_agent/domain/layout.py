"""Which server stands where in a simulated site, as columns by dense index."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hexi_agent.domain.catalogue import CATALOGUE, Model

SERVERS_PER_RACK = 20
SERVERS_MAX = 1_000_000

Column = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """`rack_of[i]` and `model_of[i]` say where server i stands and what it is.

    `host` is the index of the server that is this very machine, -1 where there is none.
    """

    site_id: str
    racks: tuple[str, ...]
    models: tuple[Model, ...]
    rack_of: Column
    model_of: Column
    host: int = -1

    def __len__(self) -> int:
        return len(self.rack_of)

    def column(self, field: str) -> Column:
        """One number of the catalogue for every server."""
        of_model = np.array([getattr(model, field) for model in self.models], np.int64)
        return of_model[self.model_of]


def lay_out(
    site_id: str,
    servers: int,
    seed: int,
    host: Model | None = None,
    catalogue: tuple[Model, ...] = CATALOGUE,
) -> Layout:
    """Racks of one model each, in the shares of the catalogue, shuffled by the seed.

    The same arguments give the same layout. With `host` the last server is that machine.
    """
    if not 1 <= servers <= SERVERS_MAX:
        raise ValueError(f"servers: expected 1 to {SERVERS_MAX}, was {servers}")
    racks = -(-servers // SERVERS_PER_RACK)
    rack_of = np.arange(servers, dtype=np.int64) // SERVERS_PER_RACK
    model_of = _rack_models(racks, seed, catalogue)[rack_of]
    models = catalogue
    if host is not None:
        model_of[-1] = len(models)
        models = (*models, host)
    names = tuple(f"{site_id}-r{number:03d}" for number in range(1, racks + 1))
    return Layout(site_id, names, models, rack_of, model_of, servers - 1 if host else -1)


def _rack_models(racks: int, seed: int, catalogue: tuple[Model, ...]) -> Column:
    """Largest remainders: a small site has every model that its racks allow."""
    shares = np.array([model.share for model in catalogue], np.float64)
    wanted = shares / shares.sum() * racks
    counts = np.floor(wanted).astype(np.int64)
    by_remainder = np.argsort(counts - wanted, kind="stable")
    counts[by_remainder[: racks - int(counts.sum())]] += 1
    models = np.repeat(np.arange(len(catalogue), dtype=np.int64), counts)
    np.random.default_rng(seed).shuffle(models)
    return models
