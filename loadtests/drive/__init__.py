"""Producing a run: engine processes that keep to the schedule, and the coordinator around them."""
