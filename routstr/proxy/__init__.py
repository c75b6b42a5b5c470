"""The paid path: from a client's bytes to a provider's and back, with one charge in between.

Plain ASGI, in front of the FastAPI application. Money is decided in ``payment``, who pays in
``auth``, how a provider is reached in ``upstream``; here they meet.
"""
