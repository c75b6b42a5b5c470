"""``/v1/realtime``: a conversation over a WebSocket (RFC 6455), in the events of OpenAI's API.

::

    origin, limits -> model -> payer -> hold -> provider -> upgrade -> events, both ways

Every response is a paid request of its own: its worst case is held before the provider can begin
it, and its hold has one end. No event passes that could cost what nobody has priced.
"""
