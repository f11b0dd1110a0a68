"""What `keras-regen` can do: each file has the arguments of a command, and loads what it runs when it is called."""
