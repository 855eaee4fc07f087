# The gateway in a container:
#
#   docker build -t portcullis .
#   docker run --rm -it --user "$(id -u)" -v "$PWD:/work" -w /work portcullis init gate
#   docker run --read-only --cap-drop ALL -p 8080:8080 -v portcullis-data:/var/lib/portcullis \
#     -v ./gate/config:/etc/portcullis/config:ro -v ./gate/policies:/etc/portcullis/policies:ro \
#     portcullis
#
# Secrets and records are in the volume /var/lib/portcullis. Settings and policy are not in the
# image: `init` creates them, and they are read from /etc/portcullis. Nothing is written elsewhere.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin portcullis \
 && strip -o portcullis target/release/portcullis \
 && install -D portcullis /out/portcullis

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 portcullis \
 && useradd --system --uid 10001 --gid portcullis --no-create-home --shell /usr/sbin/nologin portcullis \
 && install -d -o portcullis -g portcullis -m 0700 /var/lib/portcullis
COPY --from=build /out/portcullis /usr/local/bin/portcullis

# Relative paths of the settings (policies, data) are taken from here.
WORKDIR /etc/portcullis
# The key file is a path and no secret.
# hadolint ignore=DL3064
ENV PORTCULLIS__SERVER__LISTEN=0.0.0.0:8080 \
    PORTCULLIS__STORE__PATH=/var/lib/portcullis/data \
    PORTCULLIS__ADMIN__SOCKET=/var/lib/portcullis/admin.sock \
    PORTCULLIS__SECRETS__KEY_FILE=/var/lib/portcullis/secret.key \
    PORTCULLIS__MAIL__DIRECTORY=/var/lib/portcullis/mail
VOLUME /var/lib/portcullis
EXPOSE 8080
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["/usr/local/bin/portcullis", "status", "--ready"]
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve", "--config", "config/portcullis.toml"]
