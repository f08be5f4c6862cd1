-- Our process there, which behind a pooler only the server knows, and for how long the server
-- has run. It ends a session whose host has vanished within half a minute.
SELECT
    set_config('tcp_keepalives_idle', '10', FALSE) AS idle,
    set_config('tcp_keepalives_interval', '5', FALSE) AS interval_s,
    set_config('tcp_keepalives_count', '3', FALSE) AS lost_after,
    set_config('idle_session_timeout', '0', FALSE) AS session_timeout,
    pg_backend_pid() AS pid,
    extract(EPOCH FROM clock_timestamp() - pg_postmaster_start_time())::float AS up_s;
