"""What an event is: envelope forms, subjects and their old names, reasons for refusing one.

Belongs here: pure functions from a message's bytes to an `Event` or a `Refusal`.
Does not: I/O of any kind, SQL, what a payload means to a table (sql/postgres/flatten).
"""
