"""How much one call may carry, and how many there may be."""

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
METADATA_BYTES_MAX = 16 * 1024
CALLS_AT_ONCE_MAX = 2_000
CONNECTIONS_MAX = 4_096
