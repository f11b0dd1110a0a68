"""One file for each backend: its operations under the names of `keras.ops`, and its compiler. Loaded when used."""
