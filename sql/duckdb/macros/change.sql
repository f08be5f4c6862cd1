-- From one count to another, in words; NULL where one is not known.
CREATE OR REPLACE MACRO change_of(now, before) AS (
    CASE
        WHEN now IS NULL OR before IS NULL THEN NULL
        WHEN before = now THEN 'same'
        WHEN before = 0 THEN 'new'
        WHEN now = 0 THEN 'gone'
        ELSE printf('%+d %%', round(100 * (now / before - 1))::BIGINT)
    END
);
