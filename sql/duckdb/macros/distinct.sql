-- An aggregate: how many different values there are. They are told apart by 64 bits each, since
-- millions of ids or texts would not fit into memory: among ten million, two are taken for one by a
-- chance of one in 370,000.
CREATE OR REPLACE MACRO count_distinct(named) AS (
    count(DISTINCT hash(named)) FILTER (WHERE named IS NOT NULL)
);
