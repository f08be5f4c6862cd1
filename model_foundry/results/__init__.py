"""What landed: the table of results, and jobs that are asked only once.

Belongs here: which jobs have an answer, the landing of results, the whole way of a job. Does not:
order and attempts (`dispatch`), what an answer is worth (`slot`).
"""
