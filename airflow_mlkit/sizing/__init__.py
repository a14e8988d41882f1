"""Which size a step needs, told from what it used before."""
