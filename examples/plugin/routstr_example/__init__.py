"""One extension of each kind for a Routstr node, each in a module of its own."""
