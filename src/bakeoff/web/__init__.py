"""The app in the browser: server-rendered pages over the workbench, for one person on this machine."""
