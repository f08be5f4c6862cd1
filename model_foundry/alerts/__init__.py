"""Who is told when something fails, and how.

Belongs here: what a trouble is, which are new, and what a webhook is sent. Does not: where troubles
are found (`defs.alerts`).
"""
