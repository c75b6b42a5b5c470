"""Where requests go: providers, what may be told them, one attempt, and how attempts fail.

Knows HTTP and the providers' error bodies. Knows nothing of money, payers or the client's protocol.
"""
