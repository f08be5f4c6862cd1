-- The days of which the results have rows of one correlation_id.
SELECT DISTINCT occurred_on FROM inference_result
WHERE correlation_id = %(correlation_id)s;
