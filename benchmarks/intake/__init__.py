"""Intake: the drain beside what one could pick instead, and beside what PostgreSQL can take.

`arms/` holds one module an arm; each carries the same events from one NATS stream into one
PostgreSQL, with jsonb payloads and synchronous_commit on.
"""
