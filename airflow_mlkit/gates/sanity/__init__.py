"""Sanity checks: whether a challenger's data and scores are sound enough for its metrics to be believed.

One check a file, pure, on numpy arrays. A check fails only where what it measures is beyond the limit *and* chance
does not explain it, so that a holdout of thirty rows is not held back for being small.
"""
