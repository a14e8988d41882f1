"""The command `mlkit`: a door over the core, one file a group of commands. Heavy imports stay inside the commands."""
