"""The traders' door, and the way to settlement's."""
