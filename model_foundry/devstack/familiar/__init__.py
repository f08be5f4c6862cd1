"""familiar: a small orchestrator whose sessions on the slots are the traffic of demo and tests.

It stands for a separate program: it asks the slots through the openai client, not through the
dispatcher, and publishes as the article's programs do, old names included. Everything it says was
said by a slot: texts, tokens and timings.
Belongs here: tasks, prompts, tools, the vault of notes, the session, and the events it publishes.
Does not: anything that reads those events, or that another part would want to import.
"""

from model_foundry.devstack.familiar.orchestrator import Step, TrafficReport, run_sessions

__all__ = ["Step", "TrafficReport", "run_sessions"]
