"""What models cost: the sizes that were asked for, times the time, times the price of the pool."""
