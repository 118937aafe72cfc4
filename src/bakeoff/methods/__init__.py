"""Methods: one way each to solve a task, all under one contract."""
