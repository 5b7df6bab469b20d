"""Fiel: who is loyal, who is leaving, and what it pays to do about it. The domain; no Prefect, no web framework."""
