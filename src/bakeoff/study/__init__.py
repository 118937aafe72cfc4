"""Studies: a plan of trials and their records, in one folder; can be stopped and resumed at any point."""
