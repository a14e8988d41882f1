"""The image that a project's steps run in where steps are pods: how it is built, and which one counts."""
