"""From a plan file to a `Plan` that cannot exist invalid, and to the schedule it means."""
