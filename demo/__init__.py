"""The whole idea in one minute: a question to a language model, paid for with real ecash.

``python -m demo`` starts two mints, a model and a node on loopback, plays a payer against them
with the official OpenAI SDK, checks every amount to the msat, and stays up for own experiments.
"""
