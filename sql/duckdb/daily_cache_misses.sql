-- Prompts of a day that the server read again although it had read them before: by session,
-- conversation, slot, model, role and what broke the prefix.
--
-- A request goes on with an earlier one of the day: with the same `conversation_id` (without one:
-- the same session), the latest of those with which it shares most messages from the first on; its
-- leading system messages are compared apart. Where it shares none, with the latest that had its
-- first message anywhere. Two that were worked on at once do not follow each other.
--
-- `known_tokens` of its prompt had been read or written before: the prompt of the earlier request,
-- and the answer to it (without the thoughts) where that came back. Those that the server did not
-- take from its cache were read again. Up to 128 are no miss: caches keep whole blocks. Where the
-- server does not tell of its cache, a request is counted if something changed, and its tokens are
-- not known.
--
-- `cause`, the first that holds: `slot` and `model`: another was asked; `tools`: others were
-- offered; `system`: another system prompt; `dropped`: an earlier message was left out; `edited`:
-- a message was changed, or one put before it; `answer`: it came back otherwise than it was given;
-- `server`: nothing changed.
--
-- `local_day`: of whoever looks ($timezone), when the request was answered.
WITH rate AS (
    SELECT *
    FROM slot_rates($slots)
),

-- Of texts no more than a hash each: those of a day's prompts would not fit into memory.
read AS (
    SELECT
        event_id,
        occurred_at,
        timezone($timezone, occurred_at)::DATE AS local_day,
        correlation_id,
        conversation_id,
        hash(conversation_key(conversation_id, correlation_id)) AS thread,
        slot,
        request_model,
        response_model,
        coalesce(response_model, request_model) AS model,
        role,
        CASE WHEN input_tokens >= 0 THEN input_tokens END AS input_tokens,
        greatest(coalesce(output_tokens, 0)::HUGEINT - coalesce(reasoning_tokens, 0), 0)
            AS answer_tokens,
        CASE WHEN cached_tokens >= 0 THEN cached_tokens END AS cached_tokens,
        CASE WHEN pp_tokens_per_s BETWEEN 1e-9 AND 1e6 THEN pp_tokens_per_s END AS pp_tokens_per_s,
        began_us(occurred_at, total_ms) AS began_us,
        epoch_us(occurred_at) AS ended_us,
        hash(tools) AS tools_hash,
        hash(trim(response_text, E' \r\n\t')) AS answer_hash,
        list_transform(
            json_extract(messages, '$[*]'),
            LAMBDA sent: {
                'role': sent ->> '$.role',
                'message_hash': hash(sent),
                'text_hash': CASE
                    WHEN json_type(sent, '$.content') = 'VARCHAR'
                        THEN hash(trim(sent ->> '$.content', E' \r\n\t'))
                END
            }
        ) AS sent
    FROM llm_chat
    WHERE
        occurred_on = $day
        AND coalesce(choice_no, 0) = 0
        AND messages IS NOT NULL
        AND conversation_key(conversation_id, correlation_id) IS NOT NULL
),

asked AS (
    SELECT
        row_number() OVER (ORDER BY occurred_at, event_id) AS chat_no,
        * EXCLUDE (occurred_at)
    FROM read
),

divided AS (
    SELECT
        * EXCLUDE (sent),
        sent[:system_count] AS system_prompt,
        sent[system_count + 1:] AS turns
    FROM (
        SELECT
            *,
            coalesce(
                list_position(
                    list_transform(
                        sent,
                        LAMBDA one: coalesce(one['role'] IN ('system', 'developer'), FALSE)
                    ),
                    FALSE
                ) - 1,
                len(sent)
            ) AS system_count
        FROM asked
    ) AS opened
),

said AS (
    SELECT
        thread,
        chat_no,
        unnest(range(1, len(turns) + 1)) AS message_no,
        unnest(turns)['message_hash'] AS message_hash
    FROM divided
),

-- What identifies the messages up to this one; the last request before with the same.
followed AS (
    SELECT
        chat_no,
        message_no,
        lag(chat_no) OVER (PARTITION BY thread, prefix_hash ORDER BY chat_no) AS earlier_no
    FROM (
        SELECT
            thread,
            chat_no,
            message_no,
            sum(hash(message_no, message_hash)) OVER (
                PARTITION BY chat_no
                ORDER BY message_no
            ) AS prefix_hash
        FROM said
    ) AS identified
),

shared AS (
    SELECT
        chat_no,
        max(message_no) AS shared_count,
        arg_max(earlier_no, message_no) AS earlier_no
    FROM followed
    WHERE earlier_no IS NOT NULL
    GROUP BY chat_no
),

opening AS (
    SELECT
        thread,
        chat_no,
        message_hash
    FROM said
    WHERE message_no = 1 AND chat_no NOT IN (SELECT shared.chat_no FROM shared)
),

-- Its first message stood further back before: what was before it is left out.
shortened AS (
    SELECT
        opening.chat_no,
        0 AS shared_count,
        max(said.chat_no) AS earlier_no
    FROM opening
    INNER JOIN said
        ON
            opening.thread = said.thread
            AND opening.message_hash = said.message_hash
            AND opening.chat_no > said.chat_no
    GROUP BY opening.chat_no
),

pair AS (
    SELECT * FROM shared
    UNION ALL
    SELECT * FROM shortened
),

paired AS (
    SELECT
        later.*,
        pair.shared_count,
        earlier.input_tokens AS earlier_input_tokens,
        earlier.answer_tokens AS earlier_answer_tokens,
        (later.began_us - earlier.ended_us) / 1e6 AS since_last_s,
        earlier.slot AS earlier_slot,
        earlier.request_model AS earlier_request_model,
        earlier.response_model AS earlier_response_model,
        earlier.tools_hash AS earlier_tools_hash,
        earlier.answer_hash AS earlier_answer_hash,
        earlier.system_prompt AS earlier_system_prompt,
        earlier.turns AS earlier_turns,
        later.turns[pair.shared_count + 1] AS next_turn,
        earlier.turns[pair.shared_count + 1] AS earlier_turn,
        len(earlier.turns) AS earlier_count,
        -- (What it holds where the earlier one ended.)
        later.turns[len(earlier.turns) + 1] AS answer_turn
    FROM pair
    INNER JOIN divided AS later ON pair.chat_no = later.chat_no
    INNER JOIN divided AS earlier ON pair.earlier_no = earlier.chat_no
    WHERE later.began_us >= earlier.ended_us - 50000 -- times are rounded
),

compared AS (
    SELECT
        *,
        coalesce(slot <> earlier_slot, FALSE) AS is_other_slot,
        -- (What was asked for is no name of what answers.)
        coalesce(
            response_model <> earlier_response_model,
            request_model <> earlier_request_model,
            FALSE
        ) AS is_other_model,
        tools_hash <> earlier_tools_hash AS has_other_tools,
        list_filter(
            range(greatest(len(system_prompt), len(earlier_system_prompt))),
            LAMBDA no: coalesce(
                system_prompt[no + 1]['message_hash']
                <> earlier_system_prompt[no + 1]['message_hash'],
                TRUE
            )
        )[1] AS system_broken_at,
        coalesce(answer_turn['role'] = 'assistant', FALSE) AS is_answered,
        next_turn IS NOT NULL AND earlier_turn IS NOT NULL AS is_broken,
        is_broken
        AND list_contains(
            list_transform(earlier_turns[shared_count + 2:], LAMBDA one: one['message_hash']),
            next_turn['message_hash']
        ) AS is_shortened,
        coalesce(
            shared_count = earlier_count
            AND is_answered
            AND answer_turn['text_hash'] <> earlier_answer_hash,
            FALSE
        ) AS has_other_answer
    FROM paired
),

judged AS (
    SELECT
        *,
        CASE
            WHEN is_other_slot THEN 'slot'
            WHEN is_other_model THEN 'model'
            WHEN has_other_tools THEN 'tools'
            WHEN system_broken_at IS NOT NULL THEN 'system'
            WHEN is_shortened THEN 'dropped'
            WHEN is_broken THEN 'edited'
            WHEN has_other_answer THEN 'answer'
            ELSE 'server'
        END AS cause,
        CASE
            WHEN system_broken_at IS NOT NULL THEN system_broken_at
            WHEN is_broken OR has_other_answer THEN system_count + shared_count
        END AS broken_at,
        CASE
            WHEN system_broken_at IS NOT NULL THEN 'system'
            WHEN is_broken THEN earlier_turn['role']
            WHEN has_other_answer THEN 'assistant'
        END AS broken_role,
        CASE
            WHEN input_tokens IS NOT NULL AND earlier_input_tokens IS NOT NULL
                THEN least(
                    input_tokens,
                    earlier_input_tokens
                    + CASE WHEN is_answered THEN earlier_answer_tokens ELSE 0::HUGEINT END
                )::BIGINT
        END AS known_tokens,
        CASE
            WHEN known_tokens IS NOT NULL AND cached_tokens IS NOT NULL
                THEN greatest(known_tokens - cached_tokens, 0)
        END AS reread_tokens
    FROM compared
),

-- At the speed that was measured for the request, else for its slot and model in the conversation.
speed AS (
    SELECT
        thread,
        slot,
        model,
        avg(1 / pp_tokens_per_s) AS s_per_token
    FROM read
    GROUP BY ALL
),

missed AS (
    SELECT
        judged.*,
        judged.reread_tokens * coalesce(1 / judged.pp_tokens_per_s, speed.s_per_token) AS reread_s,
        judged.reread_tokens * coalesce(1 / judged.pp_tokens_per_s, speed.s_per_token)
        / coalesce(rate.parallel, 1) / 3600 AS slot_hours,
        rate.price_per_hour,
        rate.watts,
        row_number() OVER (
            PARTITION BY
                judged.local_day,
                judged.correlation_id,
                judged.conversation_id,
                judged.slot,
                judged.model,
                judged.role,
                judged.cause
            ORDER BY judged.reread_tokens DESC NULLS LAST, judged.chat_no ASC
        ) = 1 AS is_worst
    FROM judged
    LEFT JOIN rate ON judged.slot = rate.slot
    LEFT JOIN speed
        ON
            judged.thread = speed.thread
            AND judged.slot IS NOT DISTINCT FROM speed.slot
            AND judged.model IS NOT DISTINCT FROM speed.model
    WHERE
        judged.reread_tokens > 128
        OR (judged.reread_tokens IS NULL AND judged.cause <> 'server')
)

SELECT
    $day::DATE AS day,
    local_day,
    correlation_id,
    conversation_id,
    slot,
    model,
    role,
    cause, -- slot, model, tools, system, dropped, edited, answer, server
    count(*) AS misses, -- requests
    count(*) FILTER (WHERE reread_tokens IS NULL) AS untold, -- of which the server told no figures
    sum_of(input_tokens) AS input_tokens, -- of these requests
    sum_of(cached_tokens) AS cached_tokens,
    sum_of(known_tokens) AS known_tokens, -- of input_tokens, those that were read before
    sum_of(reread_tokens) AS reread_tokens, -- of known_tokens, those that were read again
    sum(reread_s) AS reread_s, -- at the measured speed of PP; NULL: none was measured
    sum(slot_hours * price_per_hour) AS cost, -- of reread_s; NULL where the fleet file has no price
    sum(slot_hours * watts) AS energy_wh, -- NULL where the fleet file gives no watts
    any_value(event_id) FILTER (WHERE is_worst) AS worst_event_id, -- most tokens, the first such
    any_value(reread_tokens) FILTER (WHERE is_worst) AS worst_reread_tokens,
    -- the message that broke its prefix, from 0; NULL: none did
    any_value(broken_at) FILTER (WHERE is_worst) AS worst_broken_at,
    any_value(broken_role) FILTER (WHERE is_worst) AS worst_broken_role, -- before it changed
    any_value(since_last_s) FILTER (WHERE is_worst) AS worst_since_last_s -- after the earlier one
FROM missed
GROUP BY local_day, correlation_id, conversation_id, slot, model, role, cause
ORDER BY local_day, correlation_id, conversation_id, slot, model, role, cause;
