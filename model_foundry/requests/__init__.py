"""Requests that come as events, and the replies to them.

Belongs here: what a request may say, and what its reply says. Does not: when they are answered
(`defs.requests`), how (`dispatch`).
"""
