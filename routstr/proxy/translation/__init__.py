"""Messages and responses for providers that speak chat completions only, and back. Pure.

Each of the two has a module that writes the request, one that reads the whole answer and one that
writes the stream. What is common lies in ``refusals`` (what a chat completion cannot say),
``chat_answer`` (reading what a model said), ``chat_stream`` (reading it as it comes) and
``keepsakes`` (what a provider wants to see again).
"""
