"""Mixtures of the two ways: what a prompt says and what a model was tuned to say, in one method."""
