-- AWS Bedrock's Converse: parts that one member names, settings in inferenceConfig. Its inputTokens
-- leave out what the cache gave and took, as Anthropic's do.
SELECT
    json_said(
        jsonb_build_object(
            'request_model', json_first(pair.request -> 'modelId', event.p -> 'modelId'),
            'response_model',
            json_first(
                pair.response #> '{trace,promptRouter,invokedModelId}',
                pair.request -> 'modelId', event.p -> 'modelId'
            ),
            'tags',
            CASE jsonb_typeof(pair.request -> 'requestMetadata')
                WHEN 'object'
                    THEN (
                        SELECT
                            jsonb_agg(
                                label.name || '=' || json_text(label.value) ORDER BY label.name
                            )
                        FROM jsonb_each(pair.request -> 'requestMetadata') AS label (name, value)
                        WHERE json_text(label.value) IS NOT NULL
                    )
            END
        )
    ) AS about,
    CASE
        WHEN json_filled(pair.request -> 'system') IS NOT NULL
            THEN openai_message(
                jsonb_build_object('role', 'system', 'content', pair.request -> 'system')
            )
        ELSE '[]'::jsonb
    END
    || openai_messages(
        json_best(pair.request -> 'messages', event.p -> 'messages')
    ) AS messages,
    CASE
        WHEN jsonb_typeof(pair.response #> '{output,message}') = 'object'
            THEN answered_message(pair.response #> '{output,message}')
    END AS answer,
    json_first(pair.response -> 'stopReason', pair.response -> 'stop_reason') AS finish_reason,
    json_merged(
        event.p -> 'usage',
        json_said(
            jsonb_build_object(
                'prompt_tokens',
                CASE
                    WHEN told.usage -> 'inputTokens' IS NOT NULL
                        THEN json_sum(
                            told.usage -> 'inputTokens',
                            json_first(
                                told.usage -> 'cacheReadInputTokens',
                                told.usage -> 'cacheReadInputTokenCount'
                            ),
                            json_first(
                                told.usage -> 'cacheWriteInputTokens',
                                told.usage -> 'cacheWriteInputTokenCount'
                            )
                        )
                END,
                'completion_tokens', told.usage -> 'outputTokens',
                'cached_tokens',
                json_first(
                    told.usage -> 'cacheReadInputTokens', told.usage -> 'cacheReadInputTokenCount'
                )
            )
        )
    ) AS usage,
    json_merged(
        event.p -> 'timings',
        json_said(
            jsonb_build_object(
                'duration_ms', json_first(pair.response #> '{metrics,latencyMs}', NULL),
                'ttft_ms', json_first(pair.response #> '{metrics,timeToFirstByteMs}', NULL)
            )
        )
    ) AS timings,
    json_merged(
        event.p -> 'parameters',
        json_said(
            CASE jsonb_typeof(pair.request -> 'additionalModelRequestFields')
                WHEN 'object' THEN pair.request -> 'additionalModelRequestFields'
                ELSE '{}'::jsonb
            END
            || CASE jsonb_typeof(pair.request -> 'inferenceConfig')
                WHEN 'object' THEN pair.request -> 'inferenceConfig'
                ELSE '{}'::jsonb
            END
            || jsonb_build_object('tool_choice', pair.request #> '{toolConfig,toolChoice}')
        )
    ) AS parameters,
    openai_tools(
        (
            SELECT
                jsonb_agg(
                    CASE jsonb_typeof(listed.tool -> 'toolSpec')
                        WHEN 'object'
                            THEN json_said(
                                jsonb_build_object(
                                    'name', listed.tool #> '{toolSpec,name}',
                                    'description', listed.tool #> '{toolSpec,description}',
                                    'parameters',
                                    json_first(
                                        listed.tool #> '{toolSpec,inputSchema,json}',
                                        listed.tool #> '{toolSpec,inputSchema}'
                                    )
                                )
                            )
                        ELSE listed.tool
                    END ORDER BY listed.tool_no
                )
            FROM
                jsonb_array_elements(array_or_empty(pair.request #> '{toolConfig,tools}'))
                WITH ORDINALITY AS listed (tool, tool_no)
            WHERE NOT coalesce(listed.tool ? 'cachePoint', FALSE)
        )
    ) AS tools
FROM (SELECT json_opened(pair.response -> 'usage') AS usage) AS told
WHERE recognized.shape = 'bedrock'
