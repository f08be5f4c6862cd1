SELECT (pg_relation_size(%(table)s) / current_setting('block_size')::bigint)::bigint AS blocks;
