"""Commands in, worker processes to mistreat, and the decision log as it truly is."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from hexi_kit.identity import Identity
from hexi_kit.journal.ownership import is_fence
from hexi_kit.kafka.admin import ensure_topics
from hexi_kit.kafka.connection import client_options
from hexi_kit.testing.journal_worker import WorkerOptions, command_topic, decision_topic

PATIENCE_S = 120.0  # long enough for a machine with other work to do


class JournalWorld:
    """One run on one broker. `decided` grows as the log does; it is never told by a worker."""

    def __init__(self, options: WorkerOptions, identity: Identity | None, logs: Path) -> None:
        self._options, self._identity, self._logs = options, identity, logs
        self.commands = command_topic(options.run, options.partitions)
        self.decisions = decision_topic(options.run, options.partitions)
        self.decided: dict[int, list[int]] = defaultdict(list)
        self.fences: dict[int, list[str]] = defaultdict(list)
        self._sent = 0
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    async def __aenter__(self) -> JournalWorld:
        options = client_options(self._options.bootstrap, self._identity)
        topics = [self.commands, self.decisions]
        await ensure_topics(self._options.bootstrap, self._identity, topics)
        self._producer = AIOKafkaProducer(**options, enable_idempotence=True, linger_ms=5)
        await self._producer.start()
        self._reader = AIOKafkaConsumer(
            **options, auto_offset_reset="earliest", fetch_max_wait_ms=100
        )
        await self._reader.start()
        partitions = range(self._options.partitions)
        self._reader.assign([TopicPartition(self.decisions.name, p) for p in partitions])
        return self

    async def __aexit__(self, *_: object) -> None:
        for instance in list(self._workers):
            self.kill(instance)
        await self._producer.stop()
        await self._reader.stop()

    def start_worker(self, instance: str, faults: str = "", first: int = 0) -> None:
        """A worker process; its output goes to a file of its own."""
        options = replace(self._options, instance=instance, first=first)
        environment = {**os.environ, "HEXI_FAULTS": faults}
        with (self._logs / f"{instance}.log").open("ab") as log:
            self._workers[instance] = subprocess.Popen(
                [sys.executable, "-m", "hexi_kit.testing.journal_worker", options.to_json()],
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, instance: str) -> None:
        worker = self._workers.pop(instance)
        worker.kill()
        worker.wait()

    def freeze(self, instance: str) -> None:
        self._workers[instance].send_signal(signal.SIGSTOP)

    def wake(self, instance: str) -> None:
        self._workers[instance].send_signal(signal.SIGCONT)

    async def exit_code(self, instance: str) -> int:
        """Wait for a worker that is to end by itself."""
        return await asyncio.to_thread(self._workers[instance].wait, PATIENCE_S)

    async def send(self, count: int) -> None:
        """The next commands, spread evenly; acknowledged."""
        for n in range(self._sent, self._sent + count):
            partition = n % self._options.partitions
            await self._producer.send(
                self.commands.name, b"x" * 200, b"c%d" % n, partition=partition
            )
        await self._producer.flush()
        self._sent += count

    async def trim(self, before: int) -> None:
        """Take the commands before an offset out of every partition, as retention does."""
        admin = AIOKafkaAdminClient(**client_options(self._options.bootstrap, self._identity))
        await admin.start()
        try:
            partitions = range(self._options.partitions)
            gone = {
                TopicPartition(self.commands.name, p): RecordsToDelete(before) for p in partitions
            }
            await admin.delete_records(gone)
        finally:
            await admin.close()

    async def until_decided(self, count: int) -> None:
        """Read on until so many decisions of this run are in the log."""
        async with asyncio.timeout(PATIENCE_S):
            while sum(map(len, self.decided.values())) < count:
                await self._read(500)

    async def until_fences(self, partition: int, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.fences[partition]) < count:
                await self._read(500)

    async def read_all(self) -> None:
        """Read until the log brings no more."""
        while await self._read(1_500):
            pass

    async def _read(self, timeout_ms: int) -> int:
        fetched = await self._reader.getmany(timeout_ms=timeout_ms)
        for tp, records in fetched.items():
            for record in records:
                if is_fence(record.key):
                    self.fences[tp.partition].append(record.value.decode())
                    continue
                partition, offset, _ = record.value.split(b",", 2)
                assert int(partition) == tp.partition
                self.decided[tp.partition].append(int(offset))
        return sum(map(len, fetched.values()))

    def wrong(self) -> list[str]:
        """What is not exactly once and in order; empty is the proof."""
        each, rest = divmod(self._sent, self._options.partitions)
        found = []
        for partition in range(self._options.partitions):
            expected = list(range(each + (partition < rest)))
            if self.decided[partition] != expected:
                have = self.decided[partition]
                found.append(f"[{partition}] expected {len(expected)} in order, was {len(have)}")
        return found
