"""Which answers of a broker mean: ask again."""

from __future__ import annotations

from aiokafka import errors

TRANSIENT: tuple[type[BaseException], ...] = (
    errors.ConcurrentTransactions,
    errors.CoordinatorLoadInProgressError,
    errors.CoordinatorNotAvailableError,
    errors.KafkaConnectionError,
    errors.KafkaStorageError,
    errors.LeaderNotAvailableError,
    errors.NodeNotReadyError,
    errors.NotCoordinatorError,
    errors.NotEnoughReplicasAfterAppendError,
    errors.NotEnoughReplicasError,
    errors.NotLeaderForPartitionError,
    errors.RequestTimedOutError,
    errors.StaleMetadata,
    errors.UnknownTopicOrPartitionError,
)


def is_transient(error: type[BaseException]) -> bool:
    return issubclass(error, TRANSIENT)
