"""The history room: what is kept of runs for years, when their windows are merged and their directories are gone."""
