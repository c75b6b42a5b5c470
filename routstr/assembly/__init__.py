"""Puts the parts together, for the node and for the operator's commands alike. Decides nothing."""
