"""A file of requests in OpenAI's batch format, and the files of answers and of errors to it.

Belongs here: what a line may ask, whom it asks, the lines that are written, the file's way. Does
not: how a job is asked and kept (`results`, `dispatch`), the command (`cli.batch`).
"""
