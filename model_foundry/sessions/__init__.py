"""Sessions: what the events of one correlation_id say about how the work went.

Belongs here: the flow graph and its critical path, which node had which chat, how far the workers
kept to the plan, the page that shows it all. Pure: rows in, figures and text out.
Does not: reading rows (`summaries`), printing (`cli`).
"""
