-- What lets the exporter count without reading whole tables: by when it landed, by reason.
CREATE INDEX intake_batch_landed ON intake_batch (landed_at);
CREATE INDEX inference_result_landed ON inference_result (landed_at);
CREATE INDEX event_quarantine_open ON event_quarantine (reason) WHERE replayed_at IS NULL;
