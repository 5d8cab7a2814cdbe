"""Kafka doors: the worker's Faust agents and the api's tail of the journals."""
