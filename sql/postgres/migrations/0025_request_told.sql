-- A run that answers requests hears of those that come meanwhile.
CREATE FUNCTION tell_of_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('model_foundry_requests', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER llm_request_told
AFTER INSERT ON llm_request
FOR EACH STATEMENT EXECUTE FUNCTION tell_of_requests();
