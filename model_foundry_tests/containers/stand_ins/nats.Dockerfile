# The wheel's nats-server, where the official image has its own.
FROM localhost/stand-in
COPY nats-server /usr/local/bin/
RUN ln -s /bin/busybox /usr/local/bin/wget
ENTRYPOINT ["nats-server"]
