"""What is sold and who serves it, for the operator: models with their formula, providers at work.

Decides nothing about prices: it shows what the catalog made, and stores what the operator says.
"""
