-- Give claims up: of these jobs, or all of a run where none are named.
DELETE FROM job_claim
WHERE
    run = %(run)s
    AND (%(job_ids)s::text[] IS NULL OR job_id = any(%(job_ids)s::text[]));
