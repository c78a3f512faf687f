"""From a run to a verdict: validity first, then thresholds. Pure arithmetic on stored runs."""
