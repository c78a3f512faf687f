"""The same work by the tools a user would otherwise pick, side by side in one run."""
