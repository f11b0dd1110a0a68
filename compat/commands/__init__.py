"""The commands of `keras-regen`: each file has the arguments of one, and loads what it runs when it is called."""
