"""Hexi on one machine: an embedded broker and database, and the supervisor of its processes."""
