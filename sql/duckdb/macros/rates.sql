-- The slots of the fleet file, as a summary is given them ($slots, JSON): what each costs while it
-- works, and how many requests share that. NULL is unknown.
CREATE OR REPLACE MACRO slot_rates(slots) AS TABLE (
    SELECT
        one.slot,
        one.parallel,
        one.price_per_hour,
        one.watts
    FROM (
        SELECT
            unnest(
                from_json(
                    slots,
                    '[{
                        "slot": "VARCHAR", "parallel": "INTEGER",
                        "price_per_hour": "DOUBLE", "watts": "DOUBLE"
                    }]'
                )
            ) AS one
    ) AS listed
);
