"""Which answers of a broker mean: ask again."""

from __future__ import annotations

from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaStorageError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotCoordinatorError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
    StaleMetadata,
    UnknownTopicOrPartitionError,
)

TRANSIENT: tuple[type[BaseException], ...] = (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaStorageError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotCoordinatorError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
    StaleMetadata,
    UnknownTopicOrPartitionError,
)


def is_transient(error: type[BaseException]) -> bool:
    return issubclass(error, TRANSIENT)
