"""A client's own small wallet, and a client that pays nodes out of it: ``routstr pay``, ``chat``.

The wallet is the node's engine on a database of its own. Every movement is written down before a
mint or a node is told of it, so that nothing is lost when the program is killed at any time: what
was under way is settled by the next command.
"""
