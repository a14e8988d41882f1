"""What became of a step's pods, and what follows from it. Pure, but for the records in the run directory."""
