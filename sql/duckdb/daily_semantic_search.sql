-- Semantic searches of a day by vault and embedding model: hits, scores, and what found nothing.
WITH missed AS (
    SELECT
        vault,
        embedding_model,
        query,
        count(*) AS times
    FROM obsidian_semantic_search
    WHERE occurred_on = $day AND result_count = 0 AND query IS NOT NULL
    GROUP BY vault, embedding_model, query
),

most_missed AS (
    SELECT
        vault,
        embedding_model,
        list(query ORDER BY times DESC, query ASC)[1:10] AS queries
    FROM missed
    GROUP BY vault, embedding_model
)

SELECT
    asked.occurred_on AS day,
    asked.vault,
    asked.embedding_model,
    count(*) AS queries,
    count_distinct(asked.query) AS distinct_queries, -- of the day: not to be added up
    count(*) FILTER (WHERE asked.result_count = 0) AS without_hits,
    without_hits / count(*) AS without_hits_share,
    sum_of(asked.result_count) AS hits,
    histogram(asked.result_count) AS hit_counts, -- how many queries had how many hits
    any_value(most_missed.queries) AS queries_without_hits, -- up to 10, the most frequent first
    sketch(asked.top_score) AS top_score_sketch, -- of each query's best hit
    sketch_quantile(top_score_sketch, 0.05) AS top_score_p05,
    sketch_quantile(top_score_sketch, 0.5) AS top_score_p50,
    sketch_quantile(top_score_sketch, 0.95) AS top_score_p95,
    sketch(asked.duration_ms) AS duration_ms_sketch,
    sketch_quantile(duration_ms_sketch, 0.5) AS duration_p50_ms,
    sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms,
    sketch_quantile(duration_ms_sketch, 0.99) AS duration_p99_ms
FROM obsidian_semantic_search AS asked
LEFT JOIN most_missed
    ON
        asked.vault IS NOT DISTINCT FROM most_missed.vault
        AND asked.embedding_model IS NOT DISTINCT FROM most_missed.embedding_model
WHERE asked.occurred_on = $day
GROUP BY asked.occurred_on, asked.vault, asked.embedding_model
ORDER BY asked.occurred_on, asked.vault, asked.embedding_model;
