"""Tables every service with a database has."""
