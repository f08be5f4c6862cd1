"""Slots and what is asked of them: fleet, client, timings, dispatcher, results.

Belongs here: fleet files, profiles and memory plan, the request to one slot and the figures of its
answer, the queue that keeps every slot full, the landing of results.
Does not: what is asked (recipes: `components`), how a text is cut or quoted (`translation`),
anything of Dagster.
"""
