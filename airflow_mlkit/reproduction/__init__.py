"""Making a model version again, from what it tells of itself, and comparing."""
