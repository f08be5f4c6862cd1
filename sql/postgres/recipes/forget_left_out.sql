-- Those of a recipe's day, before it is tried again.
DELETE FROM inference_result
WHERE
    recipe = %(recipe)s
    AND kind = %(kind)s
    AND occurred_on = %(day)s
    AND status = 'failed'
    AND error_kind = 'source_row';
