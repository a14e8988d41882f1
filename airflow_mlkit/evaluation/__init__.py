"""What a holdout says about a model: metrics, slices, and one page that a person reads."""
