"""familiar: a small orchestrator whose sessions on the slots are the traffic of demo and tests.

It stands for a separate program: it talks to the slots with the openai client and to NATS with
nats-py, and knows of model-foundry only the fleet file and the settings.
Belongs here: tasks, prompts, tools, the vault of notes, the session, and the events it publishes.
Does not: anything that reads those events, or that another part would want to import.
"""
