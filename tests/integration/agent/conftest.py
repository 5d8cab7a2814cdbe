"""Worlds for executors."""

from hexi_agent.testing.worlds import kubernetes, kubernetes_world, slurm, slurm_world

__all__ = ["kubernetes", "kubernetes_world", "slurm", "slurm_world"]
