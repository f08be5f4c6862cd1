"""The image and compose.yaml on a real container engine: `make containers`, not `make test`.

What belongs here: what only a running container can show.
What does not: what the file says (`unit/test_compose.py`).
"""
