"""Programs that use the legacy names, rewritten: text to text. Nothing here loads Keras or what it computes with."""
