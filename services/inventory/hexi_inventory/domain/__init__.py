"""Decides about sites, server sets and admission: pure, no I/O."""
