"""Settling a run: which port, certificate and variables each process gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hexi_kit.identity import Identity, LocalAuthority

from hexi_local.manifest import ProcessSpec
from hexi_local.network import LOOPBACK, free_ports
from hexi_local.options import LocalOptions
from hexi_local.service import ServicePlan
from hexi_local.state import StateDir


class RunPlan:
    """Ports are chosen once: a restarted process comes back where its peers look for it."""

    def __init__(self, options: LocalOptions, specs: Sequence[ProcessSpec]) -> None:
        self._options = options
        self._state = StateDir(options.state_dir)
        ports = free_ports(len(specs))
        self._listen = {
            one.name: f"{LOOPBACK}:{port}" for one, port in zip(specs, ports, strict=True)
        }
        self.addresses = {one.address: self._listen[one.name] for one in specs if one.address}

    def service(
        self, spec: ProcessSpec, kafka_bootstrap: str, dsn: Callable[[str], str]
    ) -> ServicePlan:
        """Where it listens, whom it can reach, and as whom it reaches the servers."""
        own: dict[str, str] = {
            **self.common(kafka_bootstrap),
            "HEXI_LISTEN": self._listen[spec.name],
            # Two workers of one name would fence each other off for ever.
            "HEXI_WORKER_INSTANCE": spec.name,
            **self._options.environment,
            **self._options.environments.get(spec.name, {}),
        }
        if spec.database:
            own.setdefault("HEXI_POSTGRES_DSN", dsn(spec.service))
        return ServicePlan(
            name=spec.name,
            module=spec.module,
            arguments=spec.arguments,
            address=self._listen[spec.name],
            environment=own,
            log=self._state.logs / f"{spec.name}.log",
        )

    def common(self, kafka_bootstrap: str) -> Mapping[str, str]:
        """What any process of this run must know; the demo gives it to agents."""
        peers = {f"HEXI_{name.upper()}_ADDRESS": at for name, at in self.addresses.items()}
        return {
            "HEXI_STATE_DIR": str(self._state.root.resolve()),
            "HEXI_PKI_DIR": str(self._state.pki.resolve()),
            "HEXI_KAFKA_BOOTSTRAP": kafka_bootstrap,
            "HEXI_CLOCK": self._options.clock,
            **peers,
        }


def issue_service(authority: LocalAuthority, name: str) -> Identity:
    return authority.issue(name, f"spiffe://hexi/service/{name}", name)
