"""Keras's loaders of folders and arrays, with what they lack: what `..loaders` offers."""
