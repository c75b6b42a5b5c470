"""How the node does: what it earns, what it holds, what is wrong. For the operator's first page.

Figures come from their owners (ledger, wallet, counters); here they are put together only.
"""
