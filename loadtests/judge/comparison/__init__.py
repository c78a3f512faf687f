"""Builds against each other: what is compared, how sure the change is, and what follows. Pure arithmetic on records."""
