"""What an environment's steps would meet in its cluster: asked with a person's own rights, and changing nothing."""
