"""Many jobs over many slots: the queue that keeps every slot full.

Belongs here: dispatcher, leases of places, results on their way, what a dispatch tells of itself,
measuring slots through it. Does not: HTTP (`slot`), where results are kept (`results`).
"""
