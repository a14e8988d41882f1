"""From an interview to a project: `mlkit new`. The template lies in templates/golden-path."""
