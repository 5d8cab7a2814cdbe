"""The marketplace's doors to Kafka."""
