"""Expectation suites, their evaluation with Great Expectations, and the Data Docs page."""
