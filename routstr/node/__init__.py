"""What the node says of itself: information, models, health."""
