"""From what sources say to readings of our servers: rules in files, a board of the newest."""
