"""PLACE: which servers of a site, for how long, and who must go."""
