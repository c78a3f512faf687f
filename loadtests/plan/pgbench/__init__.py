"""The language of pgbench scripts: expressions, meta-commands, and the scripts that are built into pgbench."""
