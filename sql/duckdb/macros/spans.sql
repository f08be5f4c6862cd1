-- Stretches of time that can be united. Times are microseconds since the epoch.
--
-- A sketch of busy time is a list of at most 32 spans {started_us, ended_us, busy_us} that do not
-- touch. Of more stretches than that the 31 largest gaps stay gaps, the others are closed:
-- `busy_us` says how much of a span was busy.
CREATE OR REPLACE MACRO busy_span(began_us, until_us) AS (
    {
        'started_us': began_us::BIGINT,
        'ended_us': until_us::BIGINT,
        'busy_us': (until_us - began_us)::BIGINT
    }
);

-- The sketch of a list of spans that do not overlap, in any order.
CREATE OR REPLACE MACRO busy_sketch(spans) AS (
    (
        SELECT
            list(
                {'started_us': started_us, 'ended_us': ended_us, 'busy_us': busy_us}
                ORDER BY started_us
            )
        FROM (
            SELECT
                min(started_us) AS started_us,
                max(ended_us) AS ended_us,
                sum(busy_us)::BIGINT AS busy_us
            FROM (
                SELECT
                    *,
                    count(*) FILTER (WHERE is_apart) OVER (ORDER BY started_us, ended_us) AS span_no
                FROM (
                    SELECT
                        *,
                        row_number() OVER (ORDER BY gap_us DESC NULLS FIRST, started_us ASC) <= 32
                            AS is_apart
                    FROM (
                        SELECT
                            one.started_us,
                            one.ended_us,
                            one.busy_us,
                            one.started_us - lag(one.ended_us) OVER (
                                ORDER BY one.started_us, one.ended_us
                            ) AS gap_us
                        FROM (SELECT unnest(spans) AS one)
                    )
                )
            )
            GROUP BY span_no
        )
    )
);

-- The union of spans that may overlap: {busy_us, error_us}. Where only spans without closed gaps
-- overlap, or none do, it is exact; else the true union is at most `error_us` less.
CREATE OR REPLACE MACRO busy_union(spans) AS (
    (
        SELECT {'busy_us': sum(most_us)::BIGINT, 'error_us': sum(most_us - least_us)::BIGINT}
        FROM (
            SELECT
                least(sum(busy_us), max(ended_us) - min(started_us)) AS most_us,
                greatest(
                    max(busy_us),
                    max(ended_us) - min(started_us) - sum(ended_us - started_us - busy_us)
                ) AS least_us
            FROM (
                SELECT
                    *,
                    count(*) FILTER (WHERE is_apart) OVER (ORDER BY started_us, ended_us) AS part_no
                FROM (
                    SELECT
                        one.started_us,
                        one.ended_us,
                        one.busy_us,
                        coalesce(
                            one.started_us > max(one.ended_us) OVER (
                                ORDER BY one.started_us, one.ended_us
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                            ),
                            TRUE
                        ) AS is_apart
                    FROM (SELECT unnest(spans) AS one)
                )
            )
            GROUP BY part_no
        )
    )
);
