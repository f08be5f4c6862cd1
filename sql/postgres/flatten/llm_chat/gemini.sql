-- Google's Gemini: contents and candidates, in either spelling. What it thought is no part of
-- candidatesTokenCount; the output is both.
SELECT
    json_said(
        jsonb_build_object(
            'request_model', json_first(event.p -> 'model', pair.request -> 'model'),
            'response_model',
            json_first(pair.response -> 'modelVersion', pair.response -> 'model_version'),
            'error', told.blocked,
            'error_kind', told.blocked
        )
    ) AS about,
    CASE
        WHEN told.system IS NOT NULL
            THEN openai_message(
                CASE jsonb_typeof(told.system)
                    WHEN 'object' THEN told.system || '{"role": "system"}'
                    ELSE jsonb_build_object('role', 'system', 'content', told.system)
                END
            )
        ELSE '[]'::jsonb
    END || openai_messages(
        CASE
            WHEN choices.choice_no = 0
                THEN json_best(
                    pair.request -> 'contents', event.p -> 'contents',
                    pair.request -> 'messages', event.p -> 'messages'
                )
        END
    ) AS messages,
    response_answer(
        CASE WHEN jsonb_typeof(pair.response -> 'candidates') = 'array' THEN pair.response END,
        choices.choice_no
    ) AS answer,
    json_first(
        told.candidate -> 'finishReason', told.candidate -> 'finish_reason'
    ) AS finish_reason,
    json_merged(jsonb_build_object(
        'prompt_tokens',
        json_sum(
            json_first(told.usage -> 'promptTokenCount', told.usage -> 'prompt_token_count'),
            json_first(
                told.usage -> 'toolUsePromptTokenCount',
                told.usage -> 'tool_use_prompt_token_count'
            ),
            NULL
        ),
        'completion_tokens',
        json_sum(
            json_first(
                told.usage -> 'candidatesTokenCount', told.usage -> 'candidates_token_count'
            ),
            json_first(told.usage -> 'thoughtsTokenCount', told.usage -> 'thoughts_token_count'),
            NULL
        ),
        'cached_tokens',
        json_first(
            told.usage -> 'cachedContentTokenCount', told.usage -> 'cached_content_token_count'
        ),
        'reasoning_tokens',
        json_first(told.usage -> 'thoughtsTokenCount', told.usage -> 'thoughts_token_count')
    ), event.p -> 'usage') AS usage,
    event.p -> 'timings' AS timings,
    CASE
        WHEN jsonb_typeof(told.config) = 'object'
            THEN told.config - '{
                systemInstruction,system_instruction,tools,generationConfig,generation_config
            }'::text[]
    END AS parameters,
    openai_tools(
        json_best(
            event.p -> 'tools', pair.request -> 'tools', told.config -> 'tools',
            event.p #> '{config,tools}'
        )
    ) AS tools
FROM (
    -- Google's SDK has in `config` what the API has beside `contents`.
    SELECT
        json_best(
            pair.request -> 'systemInstruction', pair.request -> 'system_instruction',
            asked.config -> 'systemInstruction', asked.config -> 'system_instruction',
            event.p -> 'systemInstruction', event.p -> 'system_instruction'
        ) AS system,
        asked.config,
        json_first(pair.response -> 'usageMetadata', pair.response -> 'usage_metadata') AS usage,
        json_first(
            pair.response #> '{promptFeedback,blockReason}',
            pair.response #> '{prompt_feedback,block_reason}'
        ) AS blocked,
        pair.response -> 'candidates' -> choices.choice_no AS candidate
    FROM (
        SELECT
            json_merged(
                json_merged(
                    json_best(
                        pair.request -> 'generationConfig', pair.request -> 'generation_config',
                        event.p -> 'generationConfig', event.p -> 'generation_config'
                    ),
                    json_merged(
                        json_opened(pair.request -> 'config'), json_opened(event.p -> 'config')
                    )
                ),
                event.p -> 'parameters'
            ) AS config
    ) AS asked
) AS told
WHERE recognized.shape = 'gemini'
