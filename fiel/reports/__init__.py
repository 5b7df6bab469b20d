"""Metrics, charts, the HTML report."""
