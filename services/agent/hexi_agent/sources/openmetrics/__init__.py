"""Pages of exporters, in the formats of OpenMetrics and Prometheus."""
