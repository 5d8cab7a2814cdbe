"""Fetching the broker's jars through jgo, and locking their versions and hashes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jgo
from jgo.maven import MavenContext

from hexi_local.jar_lock import LOCK, Jar, JarsMissing
from hexi_local.state import write_whole

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Resolved alone: its parent's dependency management would pull older Kafka clients in.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
AT_ONCE = 8


def fetch(jars: list[Jar], folder: Path) -> None:
    """Into the cache only when whole and as locked: a killed download leaves nothing behind."""
    other = os.environ.get("HEXI_MAVEN_REPOSITORY")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        context = MavenContext(
            repo_cache=Path(scratch),
            remote_repos={"given": other} if other else None,
        )

        def one(jar: Jar) -> None:
            component = context.project(jar.group, jar.artifact).at_version(jar.version)
            found = Path(component.artifact().resolve())
            was = hashlib.sha256(found.read_bytes()).hexdigest()
            if was != jar.sha256:
                raise JarsMissing(f"{jar.file}: expected SHA-256 {jar.sha256}, was {was}")
            found.replace(folder / jar.file)

        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(one, jars))
        except (RuntimeError, OSError) as error:
            raise JarsMissing(
                f"The broker's jars could not be fetched ({type(error).__name__}): is a Maven"
                " repository reachable? Set HEXI_MAVEN_REPOSITORY for another one."
            ) from error


def write_lock() -> None:
    """Resolve anew; `./task lock` calls this."""
    broker = jgo.resolve(KAFKA)
    name = LOGGING.split(":")[1]
    found = [*broker, *(one for one in jgo.resolve(LOGGING) if one.artifactId == name)]
    lines = []
    for one in found:
        digest = hashlib.sha256(Path(one.resolve()).read_bytes()).hexdigest()
        lines.append(f"{one.groupId} {one.artifactId} {one.version} {digest}\n")
    write_whole(LOCK, "".join(lines))


if __name__ == "__main__":
    write_lock()
