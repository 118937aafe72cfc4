"""Prompt engineering: design the prompt, control the output, iterate and refine."""
