"""The seam: what a run is, and the directory it is stored in."""
