"""Timing in turns, for benchmarks that run without TensorFlow."""

from keras_regen.compat.timing import in_turns, seconds, table

__all__ = ["in_turns", "seconds", "table"]
