-- What the chats of a conversation have in common: its id, else the session's. A summary that asks
-- for it is one of conversations: it is computed in portions of whole ones.
CREATE OR REPLACE MACRO conversation_key(conversation_id, correlation_id) AS (
    coalesce(conversation_id, correlation_id)
);
