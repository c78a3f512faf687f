"""Truth in, truth out: a server that answers by an exactly known law, and what the suite reports of it."""
