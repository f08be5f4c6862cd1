"""What telemetry costs intake and dispatch: no endpoint, one that is well, one in trouble."""
