-- Whether an exchange gave no answer, as far as its event tells: by its status, else by an error.
CREATE OR REPLACE MACRO chat_failed(status, error_kind, finish_reason) AS (
    coalesce(finish_reason = 'error', FALSE)
    OR coalesce(
        status IN ('error', 'cancelled', 'canceled', 'aborted', 'timeout', 'timed_out'),
        error_kind IS NOT NULL
    )
);
