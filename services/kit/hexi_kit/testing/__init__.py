"""Things tests stand on, shipped beside what they stand in for; import the module you need."""
