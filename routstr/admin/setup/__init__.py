"""The first run: checks of what an operator enters, how far it is, and the first paid request.

Settings are changed through their owner, providers through their desk; nothing is kept here but
which steps were done or left out.
"""
