"""The files an embedded broker reads: its properties, its key store, its logging."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hexi_kit.identity import Identity

from hexi_local.network import LOOPBACK
from hexi_local.state import write_whole

LONGEST_MS = 2_147_483_647  # the broker keeps this setting in 32 bits: 24 days
WEEK_MS = 7 * 24 * 3_600_000
NODE_ID = 1

LOGGING = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
logger.authorizer.name=kafka.authorizer.logger
logger.authorizer.level=INFO
"""


@dataclass(frozen=True, slots=True)
class KafkaFiles:
    """All files of one broker, below one directory."""

    root: Path

    @property
    def properties(self) -> Path:
        return self.root / "server.properties"

    @property
    def logging(self) -> Path:
        return self.root / "log4j2.properties"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def formatted(self) -> bool:
        return (self.data / "meta.properties").exists()

    def write(self, ports: tuple[int, int], identity: Identity, super_users: list[str]) -> None:
        """Write them anew: ports and certificates may differ from the last start."""
        self.root.mkdir(parents=True, exist_ok=True)
        keystore = self.root / "keystore.pem"
        pem = identity.key() + identity.certificate()
        write_whole(keystore, pem.decode(), mode=0o600)
        write_whole(self.logging, LOGGING)
        settings = {
            **_listeners(*ports),
            **_security(keystore, identity.ca_path.resolve(), super_users),
            **_keeping(self.data),
        }
        lines = [f"{name}={value}" for name, value in settings.items()]
        write_whole(self.properties, "\n".join(lines) + "\n")


def _listeners(port: int, controller_port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "SSL",
        "listeners": f"SSL://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"SSL://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "SSL:SSL,CONTROLLER:SSL",
    }


def _security(keystore: Path, authority: Path, super_users: list[str]) -> dict[str, object]:
    return {
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore.resolve(),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority,
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": ";".join(f"User:{name}" for name in super_users),
    }


def _keeping(data: Path) -> dict[str, object]:
    return {
        "log.dirs": data.resolve(),
        "auto.create.topics.enable": "false",
        "message.max.bytes": 16 * 1024 * 1024,
        "replica.fetch.max.bytes": 16 * 1024 * 1024,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # A journal's fence is its producer epoch: keep it as long as the broker can.
        "transactional.id.expiration.ms": LONGEST_MS,
        "producer.id.expiration.ms": WEEK_MS,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "log.segment.bytes": 128 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
        # After a kill the node must wait until its own former session has run out.
        "broker.session.timeout.ms": 4_000,
        "broker.heartbeat.interval.ms": 1_000,
    }
