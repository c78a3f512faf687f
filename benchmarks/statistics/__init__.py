"""Statistics by simulation: runs drawn from a known truth, and how often what is said of them holds."""
