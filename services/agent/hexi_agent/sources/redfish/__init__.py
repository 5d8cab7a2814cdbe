"""Readings of baseboard controllers, power shelves and PDUs by DMTF Redfish, polled and pushed."""
