"""Worlds for executors."""

from hexi_agent.testing.worlds import (
    host_world,
    kubernetes,
    kubernetes_world,
    slurm,
    slurm_world,
    world,
)

__all__ = ["host_world", "kubernetes", "kubernetes_world", "slurm", "slurm_world", "world"]
