"""How the endpoints' requests and answers are read and written; one module for each way.

A dialect knows no money, no provider and no connection: it turns bytes into what the relay asks
of it. Adding an endpoint that sells tokens means adding a dialect here and a line in the wiring.
"""
