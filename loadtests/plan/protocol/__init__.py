"""What a plan can ask of each protocol, as values: one module a protocol."""
