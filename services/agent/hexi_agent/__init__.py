"""The agent beside the racks: measures, signs, spools and sends; runs what it is told to."""
