"""One slot and one request: what is asked, how it is sent, what came back and what it is worth.

Belongs here: jobs, the client, answers of every server in one form, their timings, their verdict.
Does not: several slots, waiting, trying again (`dispatch`).
"""
