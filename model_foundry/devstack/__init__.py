"""The embedded stack: real servers from wheels, on loopback, and familiar's traffic on them.

Belongs here: starting, watching and stopping nats-server, PostgreSQL and llama.cpp; `familiar`,
the small orchestrator whose events the demo and the tests live on.
Does not: anything that a user with their own servers needs.
"""
