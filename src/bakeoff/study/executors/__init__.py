"""Executors: where trials run. Each takes jobs one at a time and gives results or a reason."""
