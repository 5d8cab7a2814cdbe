"""Which server gets a replica: what its state is worth to the work that comes, before and after."""
