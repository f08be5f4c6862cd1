-- Which of the incoming event ids are new: those whose key this very transaction has written.
SELECT known.event_id
FROM event_key AS known
INNER JOIN incoming_key AS incoming ON known.event_id = incoming.event_id
WHERE known.xmin = pg_current_xact_id()::xid;
