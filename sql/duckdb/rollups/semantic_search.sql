-- daily_semantic_search of each week, month … by vault and embedding model.
CREATE OR REPLACE MACRO semantic_search_by(period) AS TABLE (
    WITH merged AS (
        SELECT
            date_trunc(period, day)::DATE AS starts_on,
            vault,
            embedding_model,
            count(DISTINCT day) AS days,
            sum_of(queries) AS queries,
            sum_of(without_hits) AS without_hits,
            sum_of(hits) AS hits,
            merge_counts(list(hit_counts)) AS hit_counts,
            merge_counts(list(top_score_sketch)) AS top_score_sketch,
            merge_counts(list(duration_ms_sketch)) AS duration_ms_sketch
        FROM daily_semantic_search
        GROUP BY starts_on, vault, embedding_model
    )

    SELECT
        *,
        without_hits / queries AS without_hits_share,
        sketch_quantile(top_score_sketch, 0.05) AS top_score_p05,
        sketch_quantile(top_score_sketch, 0.5) AS top_score_p50,
        sketch_quantile(top_score_sketch, 0.95) AS top_score_p95,
        sketch_quantile(duration_ms_sketch, 0.5) AS duration_p50_ms,
        sketch_quantile(duration_ms_sketch, 0.95) AS duration_p95_ms,
        sketch_quantile(duration_ms_sketch, 0.99) AS duration_p99_ms
    FROM merged
    ORDER BY starts_on, vault, embedding_model
);
