"""The legacy imports and methods in place: in this process, and in programs that are run as they are."""
