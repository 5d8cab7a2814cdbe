"""The latency mesh: agents of different sites measure how long their datagrams travel."""
