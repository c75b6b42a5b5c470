"""What the doctor looks at, one module for each room of the node. None imports another."""
