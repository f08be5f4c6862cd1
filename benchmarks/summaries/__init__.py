"""Summaries: a day from PostgreSQL to its summary, beside what one could pick instead."""
