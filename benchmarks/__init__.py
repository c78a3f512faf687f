"""Proof of the suite's own figures: `accuracy` (are they true?), `cost` (what do they take?), `peers` (others)."""
