"""The workbench: one file per verb; the only door for the command line and the page."""
