"""What the agent decides on paper: layout, physics, spool format, life of a run."""
