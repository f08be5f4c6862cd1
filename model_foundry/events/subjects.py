"""Subjects, the old names that older producers still publish, and what the stream listens to."""

CHAT = "llm.chat.persist"
TOOL_CALL = "llm.tool_call"
FLOW = "llm.flow.lineage"
SEARCH = "obsidian.semantic_search"
REQUESTS = {
    "generation": "llm.generation.request",
    "translation": "llm.translation.request",
}
RESULTS = {
    "generation": "llm.generation.result",
    "translation": "llm.translation.result",
}

OLD_NAMES = {
    "knowledge.chat.persist": CHAT,
    "knowledge.tool_call": TOOL_CALL,
    "knowledge.flow.lineage": FLOW,
    "knowledge.embedding": SEARCH,
}

STREAM_SUBJECTS = ("llm.>", "knowledge.>", "obsidian.>")


def current_name(subject: str) -> str:
    """The name that a subject has today; unknown ones keep theirs."""
    return OLD_NAMES.get(subject, subject)
