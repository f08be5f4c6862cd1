-- What the columns mean, for whoever looks in the Dagster UI or in psql.

COMMENT ON COLUMN event_inbox.event_id
IS 'Unique over all days; given by the producer, else made of stream and sequence';
COMMENT ON COLUMN event_inbox.subject IS 'By today''s name';
COMMENT ON COLUMN event_inbox.published_subject IS 'By the name under which it came';
COMMENT ON COLUMN event_inbox.source IS 'Who published it, in its own words';
COMMENT ON COLUMN event_inbox.correlation_id IS 'The session: all events of one task have the same';
COMMENT ON COLUMN event_inbox.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN event_inbox.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN event_inbox.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN event_inbox.stream IS 'Of NATS; of an import, named by the file''s content';
COMMENT ON COLUMN event_inbox.stream_seq IS 'Sequence in that stream';
COMMENT ON COLUMN event_inbox.payload IS 'As it came';
COMMENT ON COLUMN event_inbox.payload_repaired
IS 'What PostgreSQL cannot hold (NUL, half of a surrogate pair) became U+FFFD';
COMMENT ON COLUMN event_inbox.batch_id IS 'The batch of intake that brought it';

COMMENT ON TABLE llm_chat IS 'Chats: one row a choice of each llm.chat.persist event';
COMMENT ON COLUMN llm_chat.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN llm_chat.correlation_id IS 'The session: all events of one task have the same';
COMMENT ON COLUMN llm_chat.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN llm_chat.source IS 'Who published it, in its own words';
COMMENT ON COLUMN llm_chat.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN llm_chat.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN llm_chat.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN llm_chat.conversation_id IS 'The conversation, in the producer''s own words';
COMMENT ON COLUMN llm_chat.slot IS 'Who was asked: a name of the fleet file';
COMMENT ON COLUMN llm_chat.role IS 'As whom: orchestrator, worker, translator';
COMMENT ON COLUMN llm_chat.provider_name IS 'What serves the model: vllm, llama.cpp, openai';
COMMENT ON COLUMN llm_chat.request_model IS 'The model that was asked for';
COMMENT ON COLUMN llm_chat.response_model IS 'The model that answered';
COMMENT ON COLUMN llm_chat.message_count IS 'Messages that were sent';
COMMENT ON COLUMN llm_chat.user_text IS 'The last message of the user';
COMMENT ON COLUMN llm_chat.response_text IS 'The answer; empty text: an empty answer';
COMMENT ON COLUMN llm_chat.reasoning_text IS 'The thoughts before it';
COMMENT ON COLUMN llm_chat.tool_call_count IS 'Calls that the answer asks for';
COMMENT ON COLUMN llm_chat.finish_reason IS 'Why it ended, in OpenAI''s words where there is one';
COMMENT ON COLUMN llm_chat.input_tokens IS 'Of the prompt, those from a cache included';
COMMENT ON COLUMN llm_chat.output_tokens IS 'Of the answer, thoughts included';
COMMENT ON COLUMN llm_chat.cached_tokens IS 'Of the prompt, from the server''s cache';
COMMENT ON COLUMN llm_chat.ttft_ms IS 'Milliseconds until the first token';
COMMENT ON COLUMN llm_chat.total_ms IS 'Milliseconds until the end';
COMMENT ON COLUMN llm_chat.pp_tokens_per_s IS 'Tokens of prompt processing a second';
COMMENT ON COLUMN llm_chat.tg_tokens_per_s IS 'Tokens generated a second';
COMMENT ON COLUMN llm_chat.temperature IS 'As the request said';
COMMENT ON COLUMN llm_chat.max_tokens IS 'The longest answer allowed';
COMMENT ON COLUMN llm_chat.messages IS 'What was sent, in OpenAI''s form; of choice 0 alone';
COMMENT ON COLUMN llm_chat.tool_calls IS 'Calls that the answer asks for, in OpenAI''s form';
COMMENT ON COLUMN llm_chat.tools IS 'Tools that were offered, in OpenAI''s form';
COMMENT ON COLUMN llm_chat.parameters IS 'Whatever the request said besides';
COMMENT ON COLUMN llm_chat.choice_no
IS '0 for the first answer; what was asked, tokens and times stand there alone';
COMMENT ON COLUMN llm_chat.shape
IS 'Family of the payload; unknown: nothing was read; NULL: from before there were any';
COMMENT ON COLUMN llm_chat.status IS 'ok, error, or what else was said; NULL: nothing was';
COMMENT ON COLUMN llm_chat.error_kind IS 'The error''s type, else its code';
COMMENT ON COLUMN llm_chat.refusal_text IS 'Why the model would not';
COMMENT ON COLUMN llm_chat.reasoning_tokens IS 'Of the answer, thoughts';
COMMENT ON COLUMN llm_chat.user_id IS 'For whom';
COMMENT ON COLUMN llm_chat.client IS 'The program that asked';
COMMENT ON COLUMN llm_chat.tags IS 'Labels of the producer';
COMMENT ON COLUMN llm_chat.media_count IS 'Parts of the messages that are no text';

COMMENT ON TABLE llm_tool_call IS 'Tool calls: one row each llm.tool_call event';
COMMENT ON COLUMN llm_tool_call.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN llm_tool_call.correlation_id
IS 'The session: all events of one task have the same';
COMMENT ON COLUMN llm_tool_call.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN llm_tool_call.source IS 'Who published it, in its own words';
COMMENT ON COLUMN llm_tool_call.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN llm_tool_call.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN llm_tool_call.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN llm_tool_call.tool_call_id IS 'The id under which the model asked for it';
COMMENT ON COLUMN llm_tool_call.tool_name IS 'The tool';
COMMENT ON COLUMN llm_tool_call.is_error IS 'Whether it failed; NULL: nobody said';
COMMENT ON COLUMN llm_tool_call.error_type IS 'With what it failed';
COMMENT ON COLUMN llm_tool_call.duration_ms IS 'Milliseconds that it took';
COMMENT ON COLUMN llm_tool_call.slot IS 'The slot that asked for it';
COMMENT ON COLUMN llm_tool_call.request_model IS 'The model that asked for it';
COMMENT ON COLUMN llm_tool_call.chat_event_id IS 'The chat that asked for it';
COMMENT ON COLUMN llm_tool_call.arguments IS 'What it was called with';
COMMENT ON COLUMN llm_tool_call.result IS 'What it gave';
COMMENT ON COLUMN llm_tool_call.shape
IS 'Family of the payload; unknown: nothing was read; NULL: from before there were any';

COMMENT ON TABLE llm_flow_node
IS 'Nodes of sessions: one row each time an llm.flow.lineage event tells of one';
COMMENT ON COLUMN llm_flow_node.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN llm_flow_node.correlation_id
IS 'The session: all events of one task have the same';
COMMENT ON COLUMN llm_flow_node.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN llm_flow_node.source IS 'Who published it, in its own words';
COMMENT ON COLUMN llm_flow_node.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN llm_flow_node.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN llm_flow_node.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN llm_flow_node.item_no IS 'Which node of the event, from 0';
COMMENT ON COLUMN llm_flow_node.node_id IS 'Its name in the session';
COMMENT ON COLUMN llm_flow_node.node_type
IS 'orchestrator, worker, translator, tool, message, note …';
COMMENT ON COLUMN llm_flow_node.node_name IS 'What people call it';
COMMENT ON COLUMN llm_flow_node.slot IS 'Where it works';
COMMENT ON COLUMN llm_flow_node.request_model IS 'With what';
COMMENT ON COLUMN llm_flow_node.status IS 'waiting, running, done, error';
COMMENT ON COLUMN llm_flow_node.started_at IS 'When it began';
COMMENT ON COLUMN llm_flow_node.ended_at IS 'When it ended';

COMMENT ON TABLE llm_flow_edge
IS 'Edges of sessions: one row each that an llm.flow.lineage event tells of';
COMMENT ON COLUMN llm_flow_edge.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN llm_flow_edge.correlation_id
IS 'The session: all events of one task have the same';
COMMENT ON COLUMN llm_flow_edge.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN llm_flow_edge.source IS 'Who published it, in its own words';
COMMENT ON COLUMN llm_flow_edge.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN llm_flow_edge.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN llm_flow_edge.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN llm_flow_edge.item_no IS 'Which edge of the event, from 0';
COMMENT ON COLUMN llm_flow_edge.edge_id IS 'A name of its own, if it has one';
COMMENT ON COLUMN llm_flow_edge.edge_type IS 'What it says: starts, calls, reports …';
COMMENT ON COLUMN llm_flow_edge.source_node_id IS 'The node that it comes from';
COMMENT ON COLUMN llm_flow_edge.target_node_id IS 'The node that it goes to';
COMMENT ON COLUMN llm_flow_edge.edge_occurred_at IS 'When, as the edge says';

COMMENT ON TABLE llm_request IS 'Requests that came as events: one row each';
COMMENT ON COLUMN llm_request.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN llm_request.correlation_id IS 'The session: all events of one task have the same';
COMMENT ON COLUMN llm_request.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN llm_request.source IS 'Who published it, in its own words';
COMMENT ON COLUMN llm_request.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN llm_request.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN llm_request.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN llm_request.kind IS 'generation or translation';
COMMENT ON COLUMN llm_request.role IS 'Who is asked';
COMMENT ON COLUMN llm_request.priority IS 'interactive (before all batch jobs) or batch';
COMMENT ON COLUMN llm_request.source_language IS 'Of a translation: a BCP 47 tag';
COMMENT ON COLUMN llm_request.target_language IS 'Of a translation: the language wanted';
COMMENT ON COLUMN llm_request.request IS 'The payload';

COMMENT ON TABLE obsidian_semantic_search
IS 'Semantic searches: one row each obsidian.semantic_search event';
COMMENT ON COLUMN obsidian_semantic_search.event_id IS 'Of the event that the row was made of';
COMMENT ON COLUMN obsidian_semantic_search.correlation_id
IS 'The session: all events of one task have the same';
COMMENT ON COLUMN obsidian_semantic_search.causation_id IS 'The event that led to this one';
COMMENT ON COLUMN obsidian_semantic_search.source IS 'Who published it, in its own words';
COMMENT ON COLUMN obsidian_semantic_search.occurred_at
IS 'When it happened, as the event says; else when JetStream stored it';
COMMENT ON COLUMN obsidian_semantic_search.occurred_on IS 'UTC day of occurred_at: the partition';
COMMENT ON COLUMN obsidian_semantic_search.batch_id IS 'The batch of intake that brought it';
COMMENT ON COLUMN obsidian_semantic_search.query IS 'What was looked for';
COMMENT ON COLUMN obsidian_semantic_search.vault IS 'In which notes';
COMMENT ON COLUMN obsidian_semantic_search.top_k IS 'How many hits were wanted';
COMMENT ON COLUMN obsidian_semantic_search.embedding_model IS 'What made the vectors';
COMMENT ON COLUMN obsidian_semantic_search.result_count IS 'Hits';
COMMENT ON COLUMN obsidian_semantic_search.top_score IS 'Of the best hit';
COMMENT ON COLUMN obsidian_semantic_search.mean_score IS 'Of all hits';
COMMENT ON COLUMN obsidian_semantic_search.duration_ms IS 'Milliseconds that it took';
COMMENT ON COLUMN obsidian_semantic_search.results IS 'The hits, best first';

COMMENT ON COLUMN inference_result.recipe
IS 'Which recipe asked; request: an event did; batch: a file';
COMMENT ON COLUMN inference_result.kind IS 'generation or translation';
COMMENT ON COLUMN inference_result.role IS 'As what a slot was asked';
COMMENT ON COLUMN inference_result.slot IS 'Which slot answered';
COMMENT ON COLUMN inference_result.status
IS 'ok, rejected (answered, and not fit to be used) or failed (no answer)';
COMMENT ON COLUMN inference_result.error_kind IS 'What was wrong, in one word';
COMMENT ON COLUMN inference_result.error IS 'What was wrong';
COMMENT ON COLUMN inference_result.attempts IS 'How often it was asked';
COMMENT ON COLUMN inference_result.correlation_id IS 'The session of the source';
COMMENT ON COLUMN inference_result.source_event_id
IS 'The event, or the row, that it was asked about';
COMMENT ON COLUMN inference_result.source_part IS 'Which part of it';
COMMENT ON COLUMN inference_result.request IS 'What was asked, in OpenAI''s form';
COMMENT ON COLUMN inference_result.request_model IS 'The model that was asked for';
COMMENT ON COLUMN inference_result.response_model IS 'The model that answered';
COMMENT ON COLUMN inference_result.response_text IS 'The answer';
COMMENT ON COLUMN inference_result.reasoning_text IS 'The thoughts before it';
COMMENT ON COLUMN inference_result.tool_calls
IS 'Calls that the answer asks for, in OpenAI''s form';
COMMENT ON COLUMN inference_result.finish_reason IS 'Why it ended, in OpenAI''s words';
COMMENT ON COLUMN inference_result.input_tokens IS 'Of the prompt, those from a cache included';
COMMENT ON COLUMN inference_result.output_tokens IS 'Of the answer, thoughts included';
COMMENT ON COLUMN inference_result.cached_tokens IS 'Of the prompt, from the server''s cache';
COMMENT ON COLUMN inference_result.total_ms IS 'Milliseconds from sending to the end';
COMMENT ON COLUMN inference_result.completed_at IS 'When the answer was complete';
COMMENT ON COLUMN inference_result.landed_at IS 'When the row was written';

COMMENT ON COLUMN article_translation.article IS 'Path of the document';
COMMENT ON COLUMN article_translation.target_language IS 'A BCP 47 tag';
COMMENT ON COLUMN article_translation.source_language IS 'A BCP 47 tag';
COMMENT ON COLUMN article_translation.reasons IS 'Why it was not published';
COMMENT ON COLUMN article_translation.output_name IS 'Path of the translation';
COMMENT ON COLUMN article_translation.source_sha256 IS 'Of the document that was translated';
COMMENT ON COLUMN article_translation.model IS 'The model that translated';
COMMENT ON COLUMN article_translation.licence IS 'Of that model';
COMMENT ON COLUMN article_translation.prompt_version IS 'Of the prompt''s form';
COMMENT ON COLUMN article_translation.glossary_version IS 'Of the glossary';
COMMENT ON COLUMN article_translation.segments IS 'Parts into which the document was cut';
COMMENT ON COLUMN article_translation.unfit_segments IS 'Those with findings';
COMMENT ON COLUMN article_translation.untranslated_segments
IS 'Those that stayed in the source language';
COMMENT ON COLUMN article_translation.repeated_segments IS 'Those that repeat themselves';
COMMENT ON COLUMN article_translation.structure_matches
IS 'Whether the skeleton is that of the source';
COMMENT ON COLUMN article_translation.length_ratio
IS 'Characters of the translation to those of the source';
COMMENT ON COLUMN article_translation.glossary_terms IS 'Terms of the glossary that the source has';
COMMENT ON COLUMN article_translation.glossary_hits IS 'Those that the translation has';
COMMENT ON COLUMN article_translation.round_trip_chrf2
IS 'chrF2 of the translation translated back';
COMMENT ON COLUMN article_translation.chrf2_signature IS 'How chrF2 was computed';
COMMENT ON COLUMN article_translation.translated_at IS 'When';

COMMENT ON TABLE slot_benchmark IS 'How fast the slots were: one row a measure';
COMMENT ON COLUMN slot_benchmark.measured_at IS 'When';
COMMENT ON COLUMN slot_benchmark.slot IS 'A name of the fleet file';
COMMENT ON COLUMN slot_benchmark.model IS 'The model that answered';
COMMENT ON COLUMN slot_benchmark.provider_name IS 'What serves it';
COMMENT ON COLUMN slot_benchmark.measure IS 'pp (prompt processing) or tg (generation)';
COMMENT ON COLUMN slot_benchmark.at_once IS 'Requests at once';
COMMENT ON COLUMN slot_benchmark.requests IS 'Requests measured';
COMMENT ON COLUMN slot_benchmark.pp_tokens_per_s IS 'Tokens of the prompt a second (median)';
COMMENT ON COLUMN slot_benchmark.ttft_ms IS 'Milliseconds until the first token (median)';
COMMENT ON COLUMN slot_benchmark.timing_source IS 'Who measured: server or client';
COMMENT ON COLUMN slot_benchmark.wall_s IS 'Seconds from the first request to the last answer';
