"""The version, and where the project lives."""

__version__ = "0.1.0"
