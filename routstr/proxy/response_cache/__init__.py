"""Answers that are given once more to the same key for the same request, at a share of their cost.

Off until the operator says for how long; then none of this is asked.
"""
